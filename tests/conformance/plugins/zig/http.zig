//! One HTTP request over `wasi:http`.

const std = @import("std");
const host = @import("host.zig");
const c = host.c;

/// The most bytes that one read returns, and that one write takes.
const read_bytes = 64 << 10;
const write_bytes = 4096;

/// Sends a request and waits for the whole response: the status, a space and the body.
pub fn send(call: *host.Call, method: u8, url: []const u8, body: ?[]const u8) host.Failure![]const u8 {
    const request = try requestOf(call, method, url, body);
    var outgoing: c.wasi_http_types_own_outgoing_body_t = undefined;
    if (!c.wasi_http_types_method_outgoing_request_body(c.wasi_http_types_borrow_outgoing_request(request), &outgoing)) {
        return call.fail("invalid: {s} has no body", .{url});
    }
    var future: c.wasi_http_types_own_future_incoming_response_t = undefined;
    var code: c.wasi_http_types_error_code_t = undefined;
    if (!c.wasi_http_outgoing_handler_handle(request, null, &future, &code)) return failed(call, url, &code);
    write(outgoing, body orelse "");

    const waiting = c.wasi_http_types_borrow_future_incoming_response(future);
    const ready = c.wasi_http_types_method_future_incoming_response_subscribe(waiting);
    c.wasi_io_poll_method_pollable_block(c.wasi_io_poll_borrow_pollable(ready));
    c.wasi_io_poll_pollable_drop_own(ready);
    var result: c.wasi_http_types_result_result_own_incoming_response_error_code_void_t = undefined;
    const there = c.wasi_http_types_method_future_incoming_response_get(waiting, &result);
    c.wasi_http_types_future_incoming_response_drop_own(future);
    if (!there or result.is_err) return call.fail("unavailable: {s} did not answer", .{url});
    if (result.val.ok.is_err) return failed(call, url, &result.val.ok.val.err);

    const response = result.val.ok.val.ok;
    defer c.wasi_http_types_incoming_response_drop_own(response);
    const from = c.wasi_http_types_borrow_incoming_response(response);
    const status = c.wasi_http_types_method_incoming_response_status(from);
    const answer = try read(call, from) orelse return call.fail("unavailable: the response of {s} broke off", .{url});
    return call.format("{d} {s}", .{ status, answer });
}

fn requestOf(
    call: *host.Call,
    method: u8,
    url: []const u8,
    body: ?[]const u8,
) host.Failure!c.wasi_http_types_own_outgoing_request_t {
    const uri = std.Uri.parse(url) catch return call.fail("invalid: `{s}` is no URL", .{url});
    var scheme: c.wasi_http_types_scheme_t = std.mem.zeroes(c.wasi_http_types_scheme_t);
    if (std.mem.eql(u8, uri.scheme, "https")) {
        scheme.tag = c.WASI_HTTP_TYPES_SCHEME_HTTPS;
    } else if (std.mem.eql(u8, uri.scheme, "http")) {
        scheme.tag = c.WASI_HTTP_TYPES_SCHEME_HTTP;
    } else {
        return call.fail("invalid: `{s}` is neither http nor https", .{url});
    }
    const after = url[uri.scheme.len + "://".len ..];
    const rest = after[std.mem.indexOfAny(u8, after, "/?#") orelse after.len ..];
    const target = rest[0 .. std.mem.indexOfScalar(u8, rest, '#') orelse rest.len];
    var authority = host.lent(after[0 .. after.len - rest.len]);
    var path = host.lent(if (target.len > 0) target else "/");
    var verb: c.wasi_http_types_method_t = std.mem.zeroes(c.wasi_http_types_method_t);
    verb.tag = method;

    const headers = c.wasi_http_types_constructor_fields();
    if (body) |text| {
        // With the length, servers that accept no chunks understand the request too.
        const length = try call.format("{d}", .{text.len});
        var name = host.lent("content-length");
        var value = c.wasi_http_types_field_value_t{ .ptr = host.address(length), .len = length.len };
        var flaw: c.wasi_http_types_header_error_t = undefined;
        _ = c.wasi_http_types_method_fields_append(c.wasi_http_types_borrow_fields(headers), &name, &value, &flaw);
    }
    const request = c.wasi_http_types_constructor_outgoing_request(headers);
    const made = c.wasi_http_types_borrow_outgoing_request(request);
    const fits = c.wasi_http_types_method_outgoing_request_set_method(made, &verb) and
        c.wasi_http_types_method_outgoing_request_set_scheme(made, &scheme) and
        c.wasi_http_types_method_outgoing_request_set_authority(made, &authority) and
        c.wasi_http_types_method_outgoing_request_set_path_with_query(made, &path);
    if (!fits) return call.fail("invalid: `{s}` cannot be requested", .{url});
    return request;
}

fn write(body: c.wasi_http_types_own_outgoing_body_t, text: []const u8) void {
    var stream: c.wasi_http_types_own_output_stream_t = undefined;
    if (text.len > 0 and c.wasi_http_types_method_outgoing_body_write(c.wasi_http_types_borrow_outgoing_body(body), &stream)) {
        defer c.wasi_io_streams_output_stream_drop_own(stream);
        const to = c.wasi_io_streams_borrow_output_stream(stream);
        var chunks = std.mem.window(u8, text, write_bytes, write_bytes);
        while (chunks.next()) |chunk| {
            var bytes = host.lentBytes(chunk);
            var ended: c.wasi_io_streams_stream_error_t = undefined;
            if (!c.wasi_io_streams_method_output_stream_blocking_write_and_flush(to, &bytes, &ended)) {
                c.wasi_io_streams_stream_error_free(&ended);
                break;
            }
        }
    }
    var code: c.wasi_http_types_error_code_t = undefined;
    if (!c.wasi_http_types_static_outgoing_body_finish(body, null, &code)) c.wasi_http_types_error_code_free(&code);
}

/// Reads a body; none if it broke off.
fn read(call: *host.Call, from: c.wasi_http_types_borrow_incoming_response_t) host.Failure!?[]const u8 {
    var body: c.wasi_http_types_own_incoming_body_t = undefined;
    if (!c.wasi_http_types_method_incoming_response_consume(from, &body)) return null;
    defer c.wasi_http_types_incoming_body_drop_own(body);
    var stream: c.wasi_http_types_own_input_stream_t = undefined;
    if (!c.wasi_http_types_method_incoming_body_stream(c.wasi_http_types_borrow_incoming_body(body), &stream)) return null;
    defer c.wasi_io_streams_input_stream_drop_own(stream);
    var whole: std.ArrayList(u8) = .empty;
    while (true) {
        var chunk: c.plugin_list_u8_t = undefined;
        var ended: c.wasi_io_streams_stream_error_t = undefined;
        const input = c.wasi_io_streams_borrow_input_stream(stream);
        if (!c.wasi_io_streams_method_input_stream_blocking_read(input, read_bytes, &chunk, &ended)) {
            defer c.wasi_io_streams_stream_error_free(&ended);
            return if (ended.tag == c.WASI_IO_STREAMS_STREAM_ERROR_CLOSED) whole.items else null;
        }
        defer c.plugin_list_u8_free(&chunk);
        try whole.appendSlice(call.arena, host.slice(chunk));
    }
}

fn failed(call: *host.Call, url: []const u8, code: *c.wasi_http_types_error_code_t) host.Failure {
    defer c.wasi_http_types_error_code_free(code);
    if (code.tag == c.WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED) {
        return call.fail("denied: {s} needs the permission `http`", .{url});
    }
    return call.fail("unavailable: {s} did not answer: wasi:http error {d}", .{ url, code.tag });
}
