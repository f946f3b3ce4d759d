package mortise

import (
	"errors"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// Config makes the type that embeds it a [Configurer]: the configuration is YAML
// of the type T, whose fields have the names in their yaml tags. A field that is
// not known is a problem; one that is left out keeps its default. A field with the
// tag `secret:"true"` is a secret, which the server shows to nobody again.
type Config[T any] struct {
	// Value is the configuration in use.
	Value    T
	defaults T
	check    func(T) error
}

// NewConfig begins with the defaults, which must not hold what changes, such as
// maps. The check, which may be nil, says what is wrong with a configuration
// beyond its form.
func NewConfig[T any](defaults T, check func(T) error) Config[T] {
	return Config[T]{defaults, defaults, check}
}

// DefaultConfig is the defaults as YAML.
func (c *Config[T]) DefaultConfig() string {
	text, err := yaml.Marshal(c.defaults)
	if err != nil {
		return ""
	}
	return string(text)
}

// ConfigSchema is the JSON Schema of T.
func (c *Config[T]) ConfigSchema() string { return schemaOf(c.defaults) }

// Configure takes a configuration into use.
func (c *Config[T]) Configure(text string) []Problem {
	value := c.defaults
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&value); err != nil && !errors.Is(err, io.EOF) {
		var several *yaml.TypeError
		if !errors.As(err, &several) {
			return []Problem{{"", err.Error()}}
		}
		problems := make([]Problem, len(several.Errors))
		for i, text := range several.Errors {
			problems[i] = Problem{"", text}
		}
		return problems
	}
	if c.check != nil {
		if err := c.check(value); err != nil {
			return []Problem{{"", err.Error()}}
		}
	}
	c.Value = value
	return nil
}
