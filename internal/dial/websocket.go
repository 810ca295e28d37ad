package dial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"

	"github.com/zancudomq/zancudo/internal/ws"
)

// layer returns the layer of a WebSocket client.
func (w *WebSocket) layer() layer {
	return func(ctx context.Context, conn net.Conn, host string, port int) (net.Conn, error) {
		address := net.JoinHostPort(host, strconv.Itoa(port))
		socket, err := ws.Client(ctx, conn, ws.ClientOptions{
			Host: address, Path: w.Path, Header: w.Header, Subprotocol: w.Subprotocol,
		})
		if err != nil {
			return nil, &Error{Stage: AtWebSocket, Text: "WebSocket with " + address, Err: explainUpgrade(err)}
		}
		return socket, nil
	}
}

// explainUpgrade says in words for a person why there is no WebSocket.
func explainUpgrade(err error) error {
	var refused *ws.UpgradeError
	var text string
	switch {
	case errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound:
		text = refused.Text + "; perhaps it has another path for MQTT"
	case errors.As(err, &refused):
		text = refused.Text
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		text = "the server did not answer in time; perhaps it does not speak WebSocket on this port"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		text = "the server closed the connection; perhaps it does not speak WebSocket on this port, or speaks it with TLS"
	default:
		return err
	}
	return &explained{text, err}
}
