/* One HTTP request over wasi:http. */
#include "mortise.h"

#include <stdlib.h>
#include <string.h>

#define MOST_BODY (8u << 20)
#define READ_CHUNK (64u << 10)
/* The most that one write of a stream takes. */
#define WRITE_CHUNK 4096u

/* Borrows a part of a text. */
static plugin_string_t part(const char *from, size_t length) {
  return (plugin_string_t){(uint8_t *)from, length};
}

static wasi_http_types_method_t method_of(const char *name) {
  static const char *const known[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                      "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  wasi_http_types_method_t method;
  for (uint8_t tag = 0; tag < sizeof known / sizeof *known; tag++) {
    if (strcmp(name, known[tag]) == 0) {
      method.tag = tag;
      return method;
    }
  }
  method.tag = WASI_HTTP_TYPES_METHOD_OTHER;
  method.val.other = part(name, strlen(name));
  return method;
}

/* Makes a request of a URL; none if it is no http or https URL. */
static bool request_of(const char *method, const char *url, const char *body,
                       wasi_http_types_own_outgoing_request_t *request) {
  wasi_http_types_scheme_t scheme;
  if (strncmp(url, "https://", 8) == 0) {
    scheme.tag = WASI_HTTP_TYPES_SCHEME_HTTPS;
    url += 8;
  } else if (strncmp(url, "http://", 7) == 0) {
    scheme.tag = WASI_HTTP_TYPES_SCHEME_HTTP;
    url += 7;
  } else {
    return false;
  }
  size_t host = strcspn(url, "/?#");
  size_t rest = strcspn(url + host, "#");
  plugin_string_t authority = part(url, host);
  plugin_string_t path = rest > 0 ? part(url + host, rest) : part("/", 1);
  wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
  if (body != NULL) {
    /* The length is known: servers that do not take chunks are served too. */
    plugin_string_t value = mortise_text("%zu", strlen(body));
    plugin_string_t name = part("content-length", 14);
    wasi_http_types_field_value_t bytes = {value.ptr, value.len};
    wasi_http_types_header_error_t refused;
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &bytes, &refused);
    plugin_string_free(&value);
  }
  *request = wasi_http_types_constructor_outgoing_request(headers);
  wasi_http_types_borrow_outgoing_request_t made = wasi_http_types_borrow_outgoing_request(*request);
  wasi_http_types_method_t verb = method_of(method);
  return host > 0 && wasi_http_types_method_outgoing_request_set_method(made, &verb) &&
         wasi_http_types_method_outgoing_request_set_scheme(made, &scheme) &&
         wasi_http_types_method_outgoing_request_set_authority(made, &authority) &&
         wasi_http_types_method_outgoing_request_set_path_with_query(made, &path);
}

static void write_body(wasi_http_types_own_outgoing_body_t body, const char *text) {
  size_t length = text == NULL ? 0 : strlen(text);
  wasi_http_types_own_output_stream_t stream;
  if (length > 0 && wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream)) {
    for (size_t at = 0; at < length; at += WRITE_CHUNK) {
      size_t chunk = length - at < WRITE_CHUNK ? length - at : WRITE_CHUNK;
      plugin_list_u8_t bytes = {(uint8_t *)text + at, chunk};
      wasi_io_streams_stream_error_t failed;
      if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
              wasi_io_streams_borrow_output_stream(stream), &bytes, &failed)) {
        wasi_io_streams_stream_error_free(&failed);
        break;
      }
    }
    wasi_io_streams_output_stream_drop_own(stream);
  }
  wasi_http_types_error_code_t failed;
  if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &failed)) {
    wasi_http_types_error_code_free(&failed);
  }
}

/* Reads all of a body; false if it is too long or breaks off. */
static bool read_body(wasi_http_types_borrow_incoming_response_t from, mortise_response_t *response) {
  wasi_http_types_own_incoming_body_t body;
  if (!wasi_http_types_method_incoming_response_consume(from, &body)) {
    return false;
  }
  wasi_http_types_own_input_stream_t stream;
  bool whole = wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &stream);
  while (whole) {
    plugin_list_u8_t chunk;
    wasi_io_streams_stream_error_t ended;
    if (!wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(stream), READ_CHUNK,
                                                           &chunk, &ended)) {
      whole = ended.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
      wasi_io_streams_stream_error_free(&ended);
      wasi_io_streams_input_stream_drop_own(stream);
      break;
    }
    char *grown = realloc(response->body, response->length + chunk.len + 1);
    if (grown == NULL || response->length + chunk.len > MOST_BODY) {
      abort();
    }
    memcpy(grown + response->length, chunk.ptr, chunk.len);
    response->body = grown;
    response->length += chunk.len;
    response->body[response->length] = 0;
    plugin_list_u8_free(&chunk);
  }
  wasi_http_types_incoming_body_drop_own(body);
  return whole;
}

static bool failed(const char *url, wasi_http_types_error_code_t *code, plugin_string_t *error) {
  if (code->tag == WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED) {
    *error = mortise_text("denied: %s is not on a host that this plugin was granted with `http`", url);
  } else {
    *error = mortise_text("unavailable: %s did not answer: wasi:http error %d", url, code->tag);
  }
  wasi_http_types_error_code_free(code);
  return false;
}

bool mortise_http(const char *method, const char *url, const char *body, mortise_response_t *response,
                  plugin_string_t *error) {
  memset(response, 0, sizeof *response);
  wasi_http_types_own_outgoing_request_t request;
  wasi_http_types_own_outgoing_body_t outgoing;
  if (!request_of(method, url, body, &request) ||
      !wasi_http_types_method_outgoing_request_body(wasi_http_types_borrow_outgoing_request(request), &outgoing)) {
    *error = mortise_text("invalid: `%s %s` is not a request that can be made", method, url);
    return false;
  }
  wasi_http_types_own_future_incoming_response_t future;
  wasi_http_types_error_code_t code;
  if (!wasi_http_outgoing_handler_handle(request, NULL, &future, &code)) {
    return failed(url, &code, error);
  }
  write_body(outgoing, body);
  wasi_http_types_borrow_future_incoming_response_t waiting =
      wasi_http_types_borrow_future_incoming_response(future);
  wasi_io_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(waiting);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t result;
  bool there = wasi_http_types_method_future_incoming_response_get(waiting, &result);
  wasi_http_types_future_incoming_response_drop_own(future);
  if (!there || result.is_err) {
    *error = mortise_text("unavailable: %s did not answer", url);
    return false;
  }
  if (result.val.ok.is_err) {
    return failed(url, &result.val.ok.val.err, error);
  }
  wasi_http_types_own_incoming_response_t incoming = result.val.ok.val.ok;
  wasi_http_types_borrow_incoming_response_t from = wasi_http_types_borrow_incoming_response(incoming);
  response->status = wasi_http_types_method_incoming_response_status(from);
  bool whole = read_body(from, response);
  wasi_http_types_incoming_response_drop_own(incoming);
  if (!whole) {
    *error = mortise_text("unavailable: the response of %s broke off", url);
    mortise_response_free(response);
  }
  return whole;
}

char *mortise_get(const char *url, plugin_string_t *error) {
  mortise_response_t response;
  if (!mortise_http("GET", url, NULL, &response, error)) return NULL;
  if (response.status >= 200 && response.status < 300) return response.body;
  *error = mortise_text("%s answered with status %d: %.200s", url, response.status, response.body);
  mortise_response_free(&response);
  return NULL;
}

void mortise_response_free(mortise_response_t *response) {
  free(response->body);
  memset(response, 0, sizeof *response);
}
