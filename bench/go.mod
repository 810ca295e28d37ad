// The comparison with other brokers. It is a module of its own, so that those
// written in Go stay out of the product's go.mod.
module github.com/zancudomq/zancudo/bench

go 1.26.0

require github.com/mochi-mqtt/server/v2 v2.7.9

require (
	github.com/gorilla/websocket v1.5.0 // indirect
	github.com/rs/xid v1.4.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
