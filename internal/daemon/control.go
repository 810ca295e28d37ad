package daemon

import (
	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/control"
	"github.com/zancudomq/zancudo/internal/dynsec"
	"github.com/zancudomq/zancudo/packet"
)

// controlTopic takes requests to the broker, where enable_control_api is true.
const controlTopic = "$CONTROL/broker/v1"

// controlAPI is an Interceptor that takes those requests and answers them.
type controlAPI struct{ daemon *daemon }

var _ broker.Interceptor = controlAPI{}

// Intercept takes a request. Everybody who has subscribed gets the response.
func (a controlAPI) Intercept(_ *broker.Client, m *packet.Message) (*packet.Message, error) {
	if m.Topic != controlTopic {
		return m, nil
	}
	answer := control.Answer(m.Payload, map[string]control.Handler{
		"listListeners": func(control.Command) (any, error) { return a.listeners(), nil },
		"listPlugins":   func(control.Command) (any, error) { return a.plugins(), nil },
	})
	return nil, a.daemon.broker.Publish(&packet.Message{Topic: controlTopic + "/response", Payload: answer})
}

// controlPlugin is what listPlugins tells of one.
type controlPlugin struct {
	Name      string   `json:"name"`
	Endpoints []string `json:"control-endpoints,omitempty"`
}

// plugins are those that take requests.
func (a controlAPI) plugins() map[string][]controlPlugin {
	all := []controlPlugin{}
	if a.daemon.deciding.Load().dynamic != nil {
		all = append(all, controlPlugin{"dynamic-security", []string{dynsec.Topic}})
	}
	return map[string][]controlPlugin{"plugins": all}
}

// controlListener is what listListeners tells of one.
type controlListener struct {
	Port        int    `json:"port"`
	Protocol    string `json:"protocol"`
	BindAddress string `json:"bind-address,omitempty"`
	SocketPath  string `json:"socket-path,omitempty"`
	TLS         bool   `json:"tls"`
}

func (a controlAPI) listeners() map[string][]controlListener {
	all := []controlListener{}
	for _, l := range a.daemon.served.Load().Listeners {
		told := controlListener{Port: l.Port, Protocol: l.Protocol, BindAddress: l.Address, SocketPath: l.SocketPath, TLS: l.TLS.On()}
		if l.Protocol == "websockets" {
			told.Protocol = "mqtt+websockets"
		}
		all = append(all, told)
	}
	return map[string][]controlListener{"listeners": all}
}
