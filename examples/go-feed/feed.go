package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Entry is one entry of a feed.
type Entry struct{ ID, Title, Link string }

// Found is what was in a feed, newest first as feeds have it.
type Found struct {
	Title   string
	Entries []Entry
}

// document is RSS 2 and Atom at once: their elements have different names.
type document struct {
	Title   string `xml:"title"`
	Entries []struct {
		ID    string `xml:"id"`
		Title string `xml:"title"`
		Links []struct {
			Href string `xml:"href,attr"`
			Rel  string `xml:"rel,attr"`
		} `xml:"link"`
	} `xml:"entry"`
	Channel struct {
		Title string `xml:"title"`
		Items []struct {
			GUID  string `xml:"guid"`
			Title string `xml:"title"`
			Link  string `xml:"link"`
		} `xml:"item"`
	} `xml:"channel"`
}

// parse reads RSS 2 or Atom.
func parse(text []byte) (Found, error) {
	var read document
	decoder := xml.NewDecoder(bytes.NewReader(text))
	// Most that call themselves something else are ASCII all the same.
	decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	if err := decoder.Decode(&read); err != nil {
		return Found{}, fmt.Errorf("this is no feed: %w", err)
	}
	found := Found{Title: strings.TrimSpace(read.Title + read.Channel.Title)}
	for _, entry := range read.Entries {
		var link string
		for _, one := range entry.Links {
			if link == "" || one.Rel == "alternate" || one.Rel == "" {
				link = one.Href
			}
		}
		found.add(entry.ID, entry.Title, link)
	}
	for _, item := range read.Channel.Items {
		found.add(item.GUID, item.Title, item.Link)
	}
	return found, nil
}

// add takes an entry that can be told from others.
func (f *Found) add(id, title, link string) {
	title, link = strings.TrimSpace(title), strings.TrimSpace(link)
	for _, id := range []string{strings.TrimSpace(id), link, title} {
		if id != "" {
			f.Entries = append(f.Entries, Entry{id, title, link})
			return
		}
	}
}

func unseen(entries []Entry, seen []string) []Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(entry Entry) bool {
		return slices.Contains(seen, entry.ID)
	})
}

func ids(entries []Entry) []string {
	all := make([]string, len(entries))
	for i, entry := range entries {
		all[i] = entry.ID
	}
	return all
}
