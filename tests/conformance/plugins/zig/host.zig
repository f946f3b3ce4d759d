//! The contract in Zig: texts in both directions, the errors of the host, and the
//! values of the contract in their data form.

const std = @import("std");

/// The bindings, generated from `wit/`.
pub const c = @cImport(@cInclude("plugin.h"));

/// The allocator of the bindings. Memory that crosses to the host comes from `malloc`,
/// and the bindings free it. `c_allocator` puts a header before some of its memory.
pub const shared = std.heap.raw_c_allocator;

pub const Failure = error{ OutOfMemory, Failed };

/// The user that `start` received.
pub var user: ?User = null;

/// The number of commands that this instance received.
pub var calls: u64 = 0;

/// One call: its memory, and the text of its error.
pub const Call = struct {
    arena: std.mem.Allocator,
    failure: []const u8 = "out of memory",

    pub fn format(call: *Call, comptime text: []const u8, values: anytype) Failure![]const u8 {
        return std.fmt.allocPrint(call.arena, text, values);
    }

    pub fn fail(call: *Call, comptime text: []const u8, values: anytype) Failure {
        call.failure = try call.format(text, values);
        return error.Failed;
    }

    /// Turns an error of the host into one of the plugin.
    pub fn check(call: *Call, done: bool, refusal: *c.mortise_plugin_types_error_t) Failure!void {
        if (done) return;
        defer c.mortise_plugin_types_error_free(refusal);
        return call.fail("{s}: {s}", .{ kindOf(refusal), textOf(refusal) });
    }

    pub fn number(call: *Call, comptime Number: type, word: []const u8) Failure!Number {
        return std.fmt.parseInt(Number, word, 10) catch
            call.fail("`{s}` is not the number that belongs here", .{word});
    }

    pub fn json(call: *Call, value: anytype) Failure![]const u8 {
        return std.json.Stringify.valueAlloc(call.arena, value, .{});
    }
};

/// Splits a text at its first space.
pub fn split(text: []const u8) [2][]const u8 {
    const space = std.mem.indexOfScalar(u8, text, ' ') orelse return .{ text, "" };
    return .{ text[0..space], text[space + 1 ..] };
}

/// Returns a stored value, if there is one.
pub fn load(call: *Call, key: []const u8) Failure!?[]const u8 {
    var name = lent(key);
    var value: c.plugin_option_list_u8_t = undefined;
    var refusal: c.mortise_plugin_types_error_t = undefined;
    try call.check(c.mortise_plugin_storage_get(&name, &value, &refusal), &refusal);
    defer c.plugin_option_list_u8_free(&value);
    return if (value.is_some) try call.arena.dupe(u8, slice(value.val)) else null;
}

/// Stores a value.
pub fn store(call: *Call, key: []const u8, value: []const u8) Failure!void {
    var name = lent(key);
    var bytes = lentBytes(value);
    var refusal: c.mortise_plugin_types_error_t = undefined;
    try call.check(c.mortise_plugin_storage_set(&name, &bytes, &refusal), &refusal);
}

pub const Level = enum(u8) { trace, debug, info, warn, @"error" };

pub fn log(level: Level, text: []const u8) void {
    var entry = lent(text);
    c.mortise_plugin_log_write(@intFromEnum(level), &entry);
}

/// Borrows a text of the contract.
pub fn slice(text: anytype) []const u8 {
    return if (text.len == 0) "" else text.ptr[0..text.len];
}

/// Lends a text to the host for one call, which copies it.
pub fn lent(text: []const u8) c.plugin_string_t {
    return .{ .ptr = address(text), .len = text.len };
}

pub fn lentBytes(bytes: []const u8) c.plugin_list_u8_t {
    return .{ .ptr = address(bytes), .len = bytes.len };
}

/// The pointer of an empty slice may be outside the memory, which the host rejects.
pub fn address(bytes: []const u8) [*c]u8 {
    return if (bytes.len == 0) null else @constCast(bytes.ptr);
}

/// Copies a text into memory that the bindings free.
pub fn owned(text: []const u8) c.plugin_string_t {
    return lent(copy(text));
}

pub fn ownedBytes(bytes: []const u8) c.plugin_list_u8_t {
    return lentBytes(copy(bytes));
}

fn copy(bytes: []const u8) []const u8 {
    return shared.dupe(u8, bytes) catch @panic("out of memory");
}

fn kindOf(refusal: *const c.mortise_plugin_types_error_t) []const u8 {
    return ([_][]const u8{ "denied", "invalid", "exhausted", "unavailable" })[refusal.tag];
}

/// Each kind has one text, in the same place.
fn textOf(refusal: *const c.mortise_plugin_types_error_t) []const u8 {
    return slice(refusal.val.denied);
}

fn optional(text: c.plugin_option_string_t) ?[]const u8 {
    return if (text.is_some) slice(text.val) else null;
}

pub const User = struct {
    id: u64,
    name: []const u8,
    admin: bool,
};

pub const Message = struct {
    id: u64,
    application: struct { id: u64, name: []const u8 },
    content: struct { title: []const u8, body: []const u8, priority: i32, extras: ?[]const u8 },
    created_ms: u64,

    pub fn of(message: c.mortise_plugin_types_message_t) Message {
        const content = message.content;
        return .{
            .id = message.id,
            .application = .{ .id = message.application.id, .name = slice(message.application.name) },
            .content = .{
                .title = slice(content.title),
                .body = slice(content.body),
                .priority = content.priority,
                .extras = optional(content.extras),
            },
            .created_ms = message.created_ms,
        };
    }
};

/// A delivery in its data form: `{"ok": ID}`, or `{"err": {KIND: TEXT}}`.
pub const Delivery = struct {
    inner: c.mortise_plugin_types_delivery_t,

    pub fn jsonStringify(self: Delivery, json: anytype) !void {
        const outcome = self.inner.outcome;
        try json.beginObject();
        try json.objectField("user");
        try json.write(slice(self.inner.user));
        try json.objectField("outcome");
        try json.beginObject();
        if (outcome.is_err) {
            try json.objectField("err");
            try json.beginObject();
            try json.objectField(kindOf(&outcome.val.err));
            try json.write(textOf(&outcome.val.err));
            try json.endObject();
        } else {
            try json.objectField("ok");
            try json.write(outcome.val.ok);
        }
        try json.endObject();
        try json.endObject();
    }
};

const Header = struct { name: []const u8, value: []const u8 };

pub fn requestAsJson(call: *Call, request: *const c.mortise_plugin_types_webhook_request_t) Failure![]const u8 {
    const headers = try call.arena.alloc(Header, request.headers.len);
    for (headers, 0..) |*header, at| {
        const given = request.headers.ptr[at];
        header.* = .{ .name = slice(given.name), .value = slice(given.value) };
    }
    const base64 = std.base64.standard.Encoder;
    const body = slice(request.body);
    return call.json(.{
        .method = slice(request.method),
        .path = slice(request.path),
        .query = optional(request.query),
        .headers = headers,
        .body = base64.encode(try call.arena.alloc(u8, base64.calcSize(body.len)), body),
        .client = slice(request.client),
        .scheme = slice(request.scheme),
        .host = slice(request.host),
        .base_path = slice(request.base_path),
    });
}
