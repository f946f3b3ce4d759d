//! The conformance plugin in Zig, from `wit/` alone: no SDK. `../../PLUGIN.md` specifies
//! it, `commands.zig` has its commands, and `manifest.toml` its manifest.

const std = @import("std");
const commands = @import("commands.zig");
const host = @import("host.zig");
const c = host.c;
const shared = host.shared;

/// The configured commands; empty for none.
var on_start: []const u8 = "";
var on_stop: []const u8 = "";
var on_display: []const u8 = "";

/// Executes a command.
fn run(call: *host.Call, command: []const u8) host.Failure![]const u8 {
    host.calls += 1;
    const word, const rest = host.split(std.mem.trimRight(u8, command, "\n"));
    inline for (@typeInfo(commands).@"struct".decls) |known| {
        if (std.mem.eql(u8, word, known.name)) return @field(commands, known.name)(call, rest);
    }
    return call.fail("`{s}` is no command", .{word});
}

/// Executes a configured command, and logs its answer.
fn runAndLog(call: *host.Call, command: []const u8) host.Failure!void {
    if (command.len > 0) host.log(.info, try run(call, command));
}

/// Executes a command, and stores its answer.
fn runAndStore(call: *host.Call, command: []const u8) host.Failure!void {
    try host.store(call, "answer", try run(call, command));
}

/// Does the work of an export that answers `result<_, string>`.
fn result(flaw: *c.plugin_string_t, work: anytype, argument: []const u8) bool {
    var arena = std.heap.ArenaAllocator.init(shared);
    defer arena.deinit();
    var call = host.Call{ .arena = arena.allocator() };
    work(&call, argument) catch {
        flaw.* = host.owned(call.failure);
        return false;
    };
    return true;
}

export fn exports_mortise_plugin_lifecycle_start(
    user: *c.mortise_plugin_types_user_t,
    flaw: *c.plugin_string_t,
) bool {
    host.user = .{ .id = user.id, .name = host.slice(user.name), .admin = user.admin };
    return result(flaw, runAndLog, on_start);
}

export fn exports_mortise_plugin_lifecycle_stop(
    reason: c.mortise_plugin_types_stop_reason_t,
    flaw: *c.plugin_string_t,
) bool {
    const texts = [_][]const u8{ "disabled", "reloading", "idle", "shutting_down" };
    var space: [64]u8 = undefined;
    host.log(.info, std.fmt.bufPrint(&space, "stopped: {s}", .{texts[reason]}) catch "stopped");
    return result(flaw, runAndLog, on_stop);
}

export fn exports_mortise_plugin_configurer_defaults(text: *c.plugin_string_t) void {
    text.* = host.owned(
        \\on_start: ""
        \\on_stop: ""
        \\on_display: ""
        \\refuse: ""
        \\
    );
}

export fn exports_mortise_plugin_configurer_schema(text: *c.plugin_string_t) bool {
    text.* = host.owned(
        \\{"type": "object", "properties": {
        \\  "on_start": {"type": "string"}, "on_stop": {"type": "string"},
        \\  "on_display": {"type": "string"}, "refuse": {"type": "string"}
        \\}}
    );
    return true;
}

export fn exports_mortise_plugin_configurer_apply(
    config: *c.plugin_string_t,
    problems: *c.exports_mortise_plugin_configurer_list_problem_t,
) bool {
    // It is not freed: the values are parts of it, and an instance has few of them.
    const text = host.slice(config.*);
    const refuse = valueOf(text, "refuse");
    if (refuse.len > 0) {
        const list = shared.alloc(c.mortise_plugin_types_problem_t, 1) catch @panic("out of memory");
        list[0] = .{ .path = host.owned("refuse"), .text = host.owned(refuse) };
        problems.* = .{ .ptr = list.ptr, .len = list.len };
        return false;
    }
    on_start = valueOf(text, "on_start");
    on_stop = valueOf(text, "on_stop");
    on_display = valueOf(text, "on_display");
    return true;
}

/// The value in the line `name: value`; empty if there is none.
fn valueOf(text: []const u8, name: []const u8) []const u8 {
    var lines = std.mem.tokenizeAny(u8, text, "\r\n");
    while (lines.next()) |line| {
        const colon = std.mem.indexOfScalar(u8, line, ':') orelse continue;
        if (!std.mem.eql(u8, line[0..colon], name)) continue;
        const value = std.mem.trim(u8, line[colon + 1 ..], " ");
        return if (std.mem.eql(u8, value, "\"\"")) "" else value;
    }
    return "";
}

export fn exports_mortise_plugin_displayer_display(base_url: ?*c.plugin_string_t, page: *c.plugin_string_t) void {
    var arena = std.heap.ArenaAllocator.init(shared);
    defer arena.deinit();
    defer if (base_url) |url| c.plugin_string_free(url);
    var call = host.Call{ .arena = arena.allocator() };
    const url = if (base_url) |url| host.slice(url.*) else "(none)";
    const text = if (on_display.len > 0)
        run(&call, on_display) catch call.format("error: {s}", .{call.failure})
    else
        call.format("# Everything\n\nat {s}\n", .{url});
    page.* = host.owned(text catch "error: out of memory");
}

export fn exports_mortise_plugin_webhook_handle(
    request: *c.mortise_plugin_types_webhook_request_t,
    response: *c.mortise_plugin_types_webhook_response_t,
) void {
    var arena = std.heap.ArenaAllocator.init(shared);
    defer arena.deinit();
    defer c.mortise_plugin_types_webhook_request_free(request);
    var call = host.Call{ .arena = arena.allocator() };
    response.* = answer(&call, request) catch reply(500, "content-type", "text/plain", call.failure);
}

fn answer(
    call: *host.Call,
    request: *c.mortise_plugin_types_webhook_request_t,
) host.Failure!c.mortise_plugin_types_webhook_response_t {
    const path = host.slice(request.path);
    const body = host.slice(request.body);
    if (path.len == 0) {
        return reply(200, "content-type", "text/plain; charset=utf-8", try run(call, body));
    }
    var parts = std.mem.splitScalar(u8, path, '/');
    const first = parts.first();
    const second = parts.next() orelse "";
    if (std.mem.eql(u8, first, "echo")) {
        return reply(200, "content-type", "application/json", try host.requestAsJson(call, request));
    } else if (std.mem.eql(u8, first, "status")) {
        return .{ .status = try call.number(u16, second), .body = host.ownedBytes(body) };
    } else if (std.mem.eql(u8, first, "header")) {
        return reply(200, second, parts.rest(), "");
    } else if (std.mem.eql(u8, first, "header-of")) {
        for (0..request.headers.len) |at| {
            const header = request.headers.ptr[at];
            if (std.mem.eql(u8, host.slice(header.name), second)) {
                return reply(200, "content-type", "text/plain", host.slice(header.value));
            }
        }
        return reply(200, "content-type", "text/plain", "(none)");
    }
    return .{ .status = 404 };
}

/// A response with one header.
fn reply(status: u16, name: []const u8, value: []const u8, body: []const u8) c.mortise_plugin_types_webhook_response_t {
    const headers = shared.alloc(c.mortise_plugin_types_header_t, 1) catch @panic("out of memory");
    headers[0] = .{ .name = host.owned(name), .value = host.owned(value) };
    return .{
        .status = status,
        .headers = .{ .ptr = headers.ptr, .len = headers.len },
        .body = host.ownedBytes(body),
    };
}

export fn exports_mortise_plugin_filter_filter(
    draft: *c.mortise_plugin_types_draft_t,
    verdict: *c.mortise_plugin_types_verdict_t,
    flaw: *c.plugin_string_t,
) bool {
    var arena = std.heap.ArenaAllocator.init(shared);
    defer arena.deinit();
    defer c.mortise_plugin_types_draft_free(draft);
    var call = host.Call{ .arena = arena.allocator() };
    verdict.* = decide(&call, &draft.content) catch {
        flaw.* = host.owned(call.failure);
        return false;
    };
    return true;
}

fn decide(
    call: *host.Call,
    content: *c.mortise_plugin_types_content_t,
) host.Failure!c.mortise_plugin_types_verdict_t {
    const title = host.slice(content.title);
    const word, const rest = host.split(title);
    if (std.mem.eql(u8, title, "keep")) {
        return .{ .tag = c.MORTISE_PLUGIN_TYPES_VERDICT_KEEP };
    }
    if (std.mem.eql(u8, word, "drop")) {
        return .{ .tag = c.MORTISE_PLUGIN_TYPES_VERDICT_DROP, .val = .{ .drop = host.owned(rest) } };
    }
    const replaces = std.mem.eql(u8, word, "replace");
    const body = host.owned(if (replaces) rest else try run(call, title));
    // The host frees the draft after this: the verdict has its own texts.
    return .{ .tag = c.MORTISE_PLUGIN_TYPES_VERDICT_REPLACE, .val = .{ .replace = .{
        .title = host.owned(if (replaces) title else "result"),
        .body = body,
        .priority = content.priority,
        .extras = .{
            .is_some = content.extras.is_some,
            .val = if (content.extras.is_some) host.owned(host.slice(content.extras.val)) else .{},
        },
    } } };
}

export fn exports_mortise_plugin_listener_on_messages(
    messages: *c.exports_mortise_plugin_listener_list_message_t,
    flaw: *c.plugin_string_t,
) bool {
    defer c.exports_mortise_plugin_listener_list_message_free(messages);
    for (0..messages.len) |at| {
        const title = host.slice(messages.ptr[at].content.title);
        if (!result(flaw, runAndStore, title)) return false;
    }
    return true;
}

export fn exports_mortise_plugin_timer_on_timer(name: *c.plugin_string_t, flaw: *c.plugin_string_t) bool {
    defer c.plugin_string_free(name);
    return result(flaw, runAndStore, host.slice(name.*));
}
