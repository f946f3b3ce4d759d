package mortise

import (
	"errors"
	"reflect"

	plugin "github.com/gotify/plugin-api"
	"gopkg.in/yaml.v3"
)

// defaultConfig is the text a new user starts with.
func defaultConfig(configurer plugin.Configurer) (string, error) {
	text, err := yaml.Marshal(configurer.DefaultConfig())
	return string(text), err
}

// decodeConfig decodes the user's text into a fresh default, which keeps what
// the text does not mention. The result has the type of DefaultConfig's, as v1
// promises, also where that is not a pointer.
func decodeConfig(configurer plugin.Configurer, text string) (any, error) {
	fresh := configurer.DefaultConfig()
	value := reflect.ValueOf(fresh)
	if !value.IsValid() {
		var ignored yaml.Node
		return nil, yaml.Unmarshal([]byte(text), &ignored)
	}
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		return fresh, yaml.Unmarshal([]byte(text), fresh)
	}
	place := reflect.New(value.Type())
	place.Elem().Set(value)
	err := yaml.Unmarshal([]byte(text), place.Interface())
	return place.Elem().Interface(), err
}

// problemsOf says what a decoder or a plugin found wrong.
func problemsOf(err error) []Problem {
	var told ConfigError
	if errors.As(err, &told) && len(told) > 0 {
		return told
	}
	var mismatch *yaml.TypeError
	if !errors.As(err, &mismatch) || len(mismatch.Errors) == 0 {
		return []Problem{{Text: err.Error()}}
	}
	problems := make([]Problem, len(mismatch.Errors))
	for i, text := range mismatch.Errors {
		problems[i] = Problem{Text: text}
	}
	return problems
}
