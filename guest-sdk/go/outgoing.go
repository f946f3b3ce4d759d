//go:build wasip1

package mortise

// One HTTP request over wasi:http, by the generated bindings.

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/wasi_http_outgoing_handler"
	wasi "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/wasi_http_types"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/wasi_io_streams"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/runtime"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

const (
	// The most that one write of a stream takes.
	writeChunk = 4096
	readChunk  = 64 << 10
)

func sendHTTP(request Request, at *url.URL) (*Response, error) {
	outgoing, err := lowerRequest(request, at)
	if err != nil {
		return nil, err
	}
	body := outgoing.Body().Ok()
	handled := wasi_http_outgoing_handler.Handle(outgoing, options(request.timeout))
	if handled.IsErr() {
		return nil, unanswered(at, handled.Err())
	}
	future := handled.Ok()
	defer future.Drop()
	// The body after the request was handed over, for the host reads it only
	// then. A failure to write is told by the response, or by its error.
	if write(body, request.Body) {
		wasi.OutgoingBodyFinish(body, types.None[*wasi.Fields]())
	} else {
		body.Drop()
	}
	ready := future.Subscribe()
	ready.Block()
	ready.Drop()
	result := future.Get().Some().Ok()
	if result.IsErr() {
		return nil, unanswered(at, result.Err())
	}
	response := result.Ok()
	if response == nil {
		return nil, &Error{Unavailable, at.String() + " did not answer"}
	}
	defer response.Drop()
	return liftResponse(response, request.MaxBody, at)
}

// options are the timeouts of a request; none if it leaves them to the host.
func options(timeout time.Duration) types.Option[*wasi.RequestOptions] {
	if timeout <= 0 {
		return types.None[*wasi.RequestOptions]()
	}
	options := wasi.MakeRequestOptions()
	step := types.Some(uint64(timeout))
	options.SetConnectTimeout(step)
	options.SetFirstByteTimeout(step)
	options.SetBetweenBytesTimeout(step)
	return types.Some(options)
}

func lowerRequest(request Request, at *url.URL) (*wasi.OutgoingRequest, error) {
	headers := wasi.MakeFields()
	for _, header := range request.Headers {
		if headers.Append(header.Name, []byte(header.Value)).IsErr() {
			return nil, &Error{Invalid, "the header `" + header.Name + "` of a request is none that can be sent"}
		}
	}
	// The length is known: servers that do not take chunks are served too.
	if method := request.Method; len(request.Body) > 0 || method == "POST" || method == "PUT" || method == "PATCH" {
		headers.Append("content-length", []byte(strconv.Itoa(len(request.Body))))
	}
	outgoing := wasi.MakeOutgoingRequest(headers)
	scheme := wasi.MakeSchemeHttp()
	if at.Scheme == "https" {
		scheme = wasi.MakeSchemeHttps()
	}
	if outgoing.SetMethod(method(request.Method)).IsErr() ||
		outgoing.SetScheme(types.Some(scheme)).IsErr() ||
		outgoing.SetAuthority(types.Some(at.Host)).IsErr() ||
		outgoing.SetPathWithQuery(types.Some(at.RequestURI())).IsErr() {
		return nil, &Error{Invalid, "`" + request.Method + " " + at.String() + "` is not a request that can be made"}
	}
	return outgoing, nil
}

func method(name string) wasi.Method {
	switch name {
	case "GET":
		return wasi.MakeMethodGet()
	case "HEAD":
		return wasi.MakeMethodHead()
	case "POST":
		return wasi.MakeMethodPost()
	case "PUT":
		return wasi.MakeMethodPut()
	case "DELETE":
		return wasi.MakeMethodDelete()
	case "OPTIONS":
		return wasi.MakeMethodOptions()
	case "PATCH":
		return wasi.MakeMethodPatch()
	default:
		return wasi.MakeMethodOther(name)
	}
}

func write(body *wasi.OutgoingBody, content []byte) bool {
	opened := body.Write()
	if opened.IsErr() {
		return false
	}
	stream := opened.Ok()
	defer stream.Drop()
	for len(content) > 0 {
		chunk := content[:min(len(content), writeChunk)]
		if stream.BlockingWriteAndFlush(chunk).IsErr() {
			return false
		}
		content = content[len(chunk):]
	}
	return true
}

func liftResponse(response *wasi.IncomingResponse, most int, at *url.URL) (*Response, error) {
	fields := response.Headers()
	headers := liftAll(fields.Entries(), func(entry types.Tuple2[string, []byte]) Header {
		return Header{entry.F0, latin1(entry.F1)}
	})
	fields.Drop()
	runtime.Unpin()
	body := response.Consume().Ok()
	defer body.Drop()
	stream := body.Stream().Ok()
	defer stream.Drop()
	var content []byte
	for {
		part := stream.BlockingRead(readChunk)
		runtime.Unpin()
		if part.IsErr() {
			if part.Err().Tag() == wasi_io_streams.StreamError_Closed {
				break
			}
			why := part.Err().LastOperationFailed()
			defer why.Drop()
			return nil, &Error{Unavailable, at.String() + " broke off: " + why.ToDebugString()}
		}
		content = append(content, part.Ok()...)
		if len(content) > most {
			return nil, &Error{Invalid, fmt.Sprintf("the response of %s is longer than %d bytes; raise MaxBody to read more", at, most)}
		}
	}
	return &Response{int(response.Status()), headers, content}, nil
}

// latin1 reads a header as the contract has it: what is not UTF-8 is Latin-1.
func latin1(value []byte) string {
	if utf8.Valid(value) {
		return string(value)
	}
	text := make([]rune, len(value))
	for i, one := range value {
		text[i] = rune(one)
	}
	return string(text)
}

func unanswered(at *url.URL, code wasi.ErrorCode) error {
	switch code.Tag() {
	case wasi.ErrorCode_HttpRequestDenied:
		return &Error{Denied, at.Scheme + "://" + at.Host + " is not among the hosts that this plugin was granted with `http`"}
	case wasi.ErrorCode_HttpRequestUriInvalid, wasi.ErrorCode_HttpRequestMethodInvalid:
		return &Error{Invalid, "`" + at.String() + "` is not a request"}
	case wasi.ErrorCode_DnsTimeout, wasi.ErrorCode_DnsError, wasi.ErrorCode_DestinationNotFound:
		return unavailable(at, "its name is not known")
	case wasi.ErrorCode_ConnectionRefused:
		return unavailable(at, "the connection was refused")
	case wasi.ErrorCode_ConnectionTimeout, wasi.ErrorCode_ConnectionReadTimeout, wasi.ErrorCode_HttpResponseTimeout:
		return unavailable(at, "it took too long")
	case wasi.ErrorCode_TlsProtocolError, wasi.ErrorCode_TlsCertificateError, wasi.ErrorCode_TlsAlertReceived:
		return unavailable(at, "its certificate or its encryption is not good")
	case wasi.ErrorCode_InternalError:
		if why := code.InternalError().Pointer(); why != nil {
			return unavailable(at, *why)
		}
	}
	return unavailable(at, fmt.Sprintf("wasi:http error %d", code.Tag()))
}

func unavailable(at *url.URL, why string) error {
	return &Error{Unavailable, at.String() + " did not answer: " + why}
}
