// Package mqtttest tests MQTT servers by dialogues: scripts that say what each
// client sends and what it must hear. [Client] is the same for Go tests.
//
// It knows no broker: a [Server] is a function. Nor is it a client library; it
// sends whatever a script says, right or wrong, and does nothing by itself.
//
// A dialogue is a text, in which packets are written as package packet writes
// them (packet/notation.md):
//
//	# Comments cite what the dialogue shows [MQTT-3.1.2-22].
//	--- a title begins a dialogue; each has a server and a bubble of its own
//	option max_inflight_messages 1
//	sub > CONNECT id=sub keepalive=60
//	sub < CONNACK
//	sub > SUBSCRIBE 1 a/# qos=1
//	sub < SUBACK 1 1
//	wait 90s
//	sub closed
//
// After every line everybody comes to rest; only "wait" lets time pass.
//
//	name > PACKET     sends; the first time, or after the end of a connection, it connects
//	name >> PACKET    holds back, to be sent in one write with the next >
//	name > RAW 10 0c  sends these bytes
//	name < PACKET     the next packet from the server is this one
//	name < RAW 20 02  the next packet from the server is these bytes
//	name silent       nothing is there to be read, and the connection is open
//	name closed       the server closed the connection, and sent nothing before that is unread
//	name drop         breaks the connection: a reset, what is on its way is lost
//	name hangup       closes the connection, without DISCONNECT
//	name pause        reads no more, so that the server's writes get stuck when the buffer is full
//	name resume       reads again
//	name v5           connects without sending anything; v31, v311, v5 say how to read the server's packets
//	wait 90s          lets time pass
//	shutdown          stops the server
//	restart           stops the server and starts it again with the same options
//	option key value  is for the Server function; before the first title it is for all dialogues of the file.
//	                  "option buffer 1000" is the network's own: bytes between a writer and its reader
//
// In what is expected, "*" stands for any positional word, "key=*" for any value,
// and "..." at the end for whatever more there is. What came and no line
// mentions, be it a packet or the end of a connection, is an error at the end
// of the dialogue; that the server closes after a DISCONNECT is not.
//
// With -update the lines "name < …" of a file are rewritten to what came, and
// those missing are added.
//
// Invariant: a dialogue passes or fails always alike; it depends on no clock and
// on no scheduler but the server's own.
package mqtttest
