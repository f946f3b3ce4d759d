module github.com/mortise-plugins/mortise/examples/native-go-mqtt

go 1.24.0

require (
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/mortise-plugins/mortise/guest-sdk/go v0.0.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.44.0 // indirect
	golang.org/x/sync v0.17.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/mortise-plugins/mortise/guest-sdk/go => ./sdk
