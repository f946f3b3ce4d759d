module example.org/{{name}}

go 1.24

require github.com/mortise-plugins/mortise/guest-sdk/go v0.0.0

require gopkg.in/yaml.v3 v3.0.1 // indirect

// It is not published yet.
replace github.com/mortise-plugins/mortise/guest-sdk/go => {{sdk-path}}
