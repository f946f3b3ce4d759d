package mortise

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"unicode"

	plugin "github.com/gotify/plugin-api"
)

var (
	outsideOfID     = regexp.MustCompile(`[^a-z0-9._/-]`)
	semanticVersion = regexp.MustCompile(`^\d+(\.\d+){0,2}([-+][0-9A-Za-z.+-]*)?$`)
)

// The bounds of a manifest's fields, as the contract has them.
const (
	longestID   = 128
	longestName = 64
)

// manifestOf is the manifest of a v1 plugin. What v1 leaves free and the
// contract does not is made to fit: the id is the module path in lower case, a
// version that is none gets a place where it is one.
func manifestOf(info plugin.Info, wants []Request) (Manifest, error) {
	if info.ModulePath == "" {
		info.ModulePath = builtFrom()
	}
	if info.ModulePath == "" {
		return Manifest{}, errors.New("GetGotifyPluginInfo returns an empty ModulePath; set it to the module path in the plugin's go.mod")
	}
	id := outsideOfID.ReplaceAllString(strings.ToLower(info.ModulePath), "-")
	if len(id) > longestID {
		return Manifest{}, fmt.Errorf("GetGotifyPluginInfo returns a ModulePath of %d bytes; at most %d are allowed", len(id), longestID)
	}
	if len(wants) == 0 {
		wants = DefaultWants()
	}
	name := oneLine(info.Name)
	if name == "" {
		name = id
	}
	website := strings.TrimSpace(info.Website)
	if !strings.HasPrefix(website, "https://") && !strings.HasPrefix(website, "http://") {
		website = ""
	}
	return Manifest{
		ID:          id,
		Name:        firstRunes(name, longestName),
		Version:     versionOf(info.Version),
		Description: firstBytes(info.Description, longestText),
		Author:      firstBytes(info.Author, longestText),
		License:     firstBytes(info.License, longestText),
		Website:     firstBytes(website, longestText),
		Wants:       wants,
	}, nil
}

// builtFrom is the path of the plugin's module, as its go.mod has it.
func builtFrom() string {
	built, ok := debug.ReadBuildInfo()
	if !ok || built.Main.Path == "command-line-arguments" {
		return ""
	}
	return built.Main.Path
}

// versionOf makes a semantic version of what plugins write: v1.2, 1.2.3, dev or
// nothing.
func versionOf(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "v")
	if len(text) <= 64 && semanticVersion.MatchString(text) {
		core, rest := text, ""
		if at := strings.IndexAny(text, "-+"); at >= 0 {
			core, rest = text[:at], text[at:]
		}
		return core + strings.Repeat(".0", 2-strings.Count(core, ".")) + rest
	}
	build := strings.Trim(regexp.MustCompile(`[^0-9A-Za-z.-]+`).ReplaceAllString(firstBytes(text, 64), "-"), "-.")
	if build == "" {
		return "0.0.0"
	}
	return "0.0.0+" + build
}

// oneLine replaces control characters by spaces.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

func firstRunes(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
