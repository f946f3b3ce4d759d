module github.com/mortise-plugins/mortise/examples/first/go/signed

go 1.24

require github.com/mortise-plugins/mortise/guest-sdk/go v0.0.0

require gopkg.in/yaml.v3 v3.0.1 // indirect

replace github.com/mortise-plugins/mortise/guest-sdk/go => ./sdk
