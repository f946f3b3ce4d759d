//! The commands. Each public function is the command of its name: it receives the text
//! after that word, and answers a text or an error.

const std = @import("std");
const host = @import("host.zig");
const http_request = @import("http.zig");
const c = host.c;
const Call = host.Call;
const Answer = host.Failure![]const u8;
const Refusal = c.mortise_plugin_types_error_t;

pub fn say(_: *Call, rest: []const u8) Answer {
    return rest;
}

pub fn fail(call: *Call, rest: []const u8) Answer {
    return call.fail("{s}", .{rest});
}

pub fn user(call: *Call, _: []const u8) Answer {
    return call.json(host.user);
}

pub fn calls(call: *Call, _: []const u8) Answer {
    return call.format("{d}", .{host.calls});
}

pub fn count(call: *Call, _: []const u8) Answer {
    const stored = try host.load(call, "count") orelse "0";
    const next = try call.format("{d}", .{try call.number(u64, stored) + 1});
    try host.store(call, "count", next);
    return next;
}

// Messages.

pub fn send(call: *Call, rest: []const u8) Answer {
    return sendOne(call, outgoing("sent", rest, 5));
}

pub fn @"send-as"(call: *Call, rest: []const u8) Answer {
    const name, const text = host.split(rest);
    var message = outgoing("sent", text, 5);
    message.application = .{ .is_some = true, .val = host.lent(name) };
    return sendOne(call, message);
}

pub fn @"send-priority"(call: *Call, rest: []const u8) Answer {
    const priority, const text = host.split(rest);
    return sendOne(call, outgoing("sent", text, try call.number(i32, priority)));
}

pub fn @"send-extras"(call: *Call, rest: []const u8) Answer {
    var message = outgoing("sent", "sent", 5);
    message.content.extras = .{ .is_some = true, .val = host.lent(rest) };
    return sendOne(call, message);
}

pub fn @"send-long"(call: *Call, rest: []const u8) Answer {
    const title, const body = host.split(rest);
    return sendOne(call, outgoing(try xs(call, title), try xs(call, body), 5));
}

pub fn get(call: *Call, rest: []const u8) Answer {
    const id = try call.number(u64, rest);
    var found: c.mortise_plugin_messages_option_message_t = undefined;
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_get(id, &found, &refusal), &refusal);
    defer c.mortise_plugin_messages_option_message_free(&found);
    return call.json(if (found.is_some) host.Message.of(found.val) else null);
}

pub fn sent(call: *Call, rest: []const u8) Answer {
    return page(call, c.mortise_plugin_messages_sent, rest);
}

pub fn received(call: *Call, rest: []const u8) Answer {
    return page(call, c.mortise_plugin_messages_received, rest);
}

pub fn remove(call: *Call, rest: []const u8) Answer {
    const id = try call.number(u64, rest);
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_remove(id, &refusal), &refusal);
    return "";
}

pub fn update(call: *Call, rest: []const u8) Answer {
    const id, const body = host.split(rest);
    var content = outgoing("updated", body, 6).content;
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_update(try call.number(u64, id), &content, &refusal), &refusal);
    return "";
}

pub fn expire(call: *Call, rest: []const u8) Answer {
    const id, const time = host.split(rest);
    var at = try numberOrNone(call, time);
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_expire(try call.number(u64, id), pointer(&at), &refusal), &refusal);
    return "";
}

pub fn @"send-to"(call: *Call, rest: []const u8) Answer {
    const names, const body = host.split(rest);
    var list: std.ArrayList(c.plugin_string_t) = .empty;
    var each = std.mem.splitScalar(u8, names, ',');
    while (each.next()) |name| try list.append(call.arena, host.lent(name));
    var users = c.plugin_list_string_t{ .ptr = list.items.ptr, .len = list.items.len };
    var message = outgoing("sent", body, 5);
    var found: c.mortise_plugin_messages_list_delivery_t = undefined;
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_send_to(&users, &message, &found, &refusal), &refusal);
    defer c.mortise_plugin_messages_list_delivery_free(&found);
    const deliveries = try call.arena.alloc(host.Delivery, found.len);
    for (deliveries, 0..) |*delivery, at| delivery.* = .{ .inner = found.ptr[at] };
    return call.json(deliveries);
}

pub fn image(call: *Call, rest: []const u8) Answer {
    const name, const hex = host.split(rest);
    var application: ?c.plugin_string_t = if (std.mem.eql(u8, name, "-")) null else host.lent(name);
    const space = try call.arena.alloc(u8, hex.len / 2);
    const bytes = std.fmt.hexToBytes(space, hex) catch return call.fail("`{s}` is not hexadecimal", .{hex});
    var picture = host.lentBytes(bytes);
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_set_image(pointer(&application), &picture, &refusal), &refusal);
    return "";
}

// The storage.

pub fn store(call: *Call, rest: []const u8) Answer {
    const key, const text = host.split(rest);
    try host.store(call, key, text);
    return "";
}

pub fn @"store-bytes"(call: *Call, rest: []const u8) Answer {
    const key, const length = host.split(rest);
    const zeros = try call.arena.alloc(u8, try call.number(usize, length));
    @memset(zeros, 0);
    try host.store(call, key, zeros);
    return "";
}

pub fn load(call: *Call, rest: []const u8) Answer {
    return try host.load(call, rest) orelse "(none)";
}

pub fn unset(call: *Call, rest: []const u8) Answer {
    var key = host.lent(rest);
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_storage_remove(&key, &refusal), &refusal);
    return "";
}

pub fn keys(call: *Call, rest: []const u8) Answer {
    var prefix = host.lent(rest);
    var found: c.plugin_list_string_t = undefined;
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_storage_keys(&prefix, &found, &refusal), &refusal);
    defer c.plugin_list_string_free(&found);
    const names = try call.arena.alloc([]const u8, found.len);
    for (names, 0..) |*name, at| name.* = host.slice(found.ptr[at]);
    return call.json(names);
}

// Timers.

pub fn every(call: *Call, rest: []const u8) Answer {
    const name, const ms = host.split(rest);
    return schedule(call, name, .{
        .tag = c.MORTISE_PLUGIN_TYPES_SCHEDULE_EVERY_MS,
        .val = .{ .every_ms = try call.number(u64, ms) },
    }, null);
}

pub fn once(call: *Call, rest: []const u8) Answer {
    const name, const ms = host.split(rest);
    return schedule(call, name, .{
        .tag = c.MORTISE_PLUGIN_TYPES_SCHEDULE_ONCE_AT_MS,
        .val = .{ .once_at_ms = try call.number(u64, ms) },
    }, null);
}

pub fn cron(call: *Call, rest: []const u8) Answer {
    const name, const expression = host.split(rest);
    return schedule(call, name, .{
        .tag = c.MORTISE_PLUGIN_TYPES_SCHEDULE_CRON,
        .val = .{ .cron = host.lent(expression) },
    }, null);
}

pub fn @"cron-in"(call: *Call, rest: []const u8) Answer {
    const name, const after = host.split(rest);
    const zone, const expression = host.split(after);
    return schedule(call, name, .{
        .tag = c.MORTISE_PLUGIN_TYPES_SCHEDULE_CRON,
        .val = .{ .cron = host.lent(expression) },
    }, .{
        .zone = .{ .is_some = true, .val = host.lent(zone) },
        .missed = c.MORTISE_PLUGIN_TYPES_MISSED_RUNS_ONCE,
    });
}

pub fn @"every-with"(call: *Call, rest: []const u8) Answer {
    const name, const after = host.split(rest);
    const ms, const details = host.split(after);
    const jitter, const missed = host.split(details);
    const skip = std.mem.eql(u8, missed, "skip");
    return schedule(call, name, .{
        .tag = c.MORTISE_PLUGIN_TYPES_SCHEDULE_EVERY_MS,
        .val = .{ .every_ms = try call.number(u64, ms) },
    }, .{
        .jitter_ms = try call.number(u64, jitter),
        .missed = if (skip) c.MORTISE_PLUGIN_TYPES_MISSED_RUNS_SKIP else c.MORTISE_PLUGIN_TYPES_MISSED_RUNS_ONCE,
    });
}

pub fn cancel(call: *Call, rest: []const u8) Answer {
    var name = host.lent(rest);
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_timers_cancel(&name, &refusal), &refusal);
    return "";
}

// The log, and the system.

pub fn log(call: *Call, rest: []const u8) Answer {
    const name, const text = host.split(rest);
    const level = std.meta.stringToEnum(host.Level, name) orelse return call.fail("`{s}` is no level", .{name});
    host.log(level, text);
    return "";
}

pub fn @"log-long"(call: *Call, rest: []const u8) Answer {
    host.log(.info, try xs(call, rest));
    return "";
}

pub fn @"log-flood"(call: *Call, rest: []const u8) Answer {
    const text = try xs(call, "1024");
    for (0..try call.number(usize, rest)) |_| host.log(.info, text);
    return "";
}

pub fn print(call: *Call, rest: []const u8) Answer {
    return writeLine(call, .stdout(), rest);
}

pub fn eprint(call: *Call, rest: []const u8) Answer {
    return writeLine(call, .stderr(), rest);
}

pub fn http(call: *Call, rest: []const u8) Answer {
    return http_request.send(call, c.WASI_HTTP_TYPES_METHOD_GET, rest, null);
}

pub fn @"http-post"(call: *Call, rest: []const u8) Answer {
    const url, const body = host.split(rest);
    return http_request.send(call, c.WASI_HTTP_TYPES_METHOD_POST, url, body);
}

pub fn @"read-file"(call: *Call, rest: []const u8) Answer {
    return std.fs.cwd().readFileAlloc(call.arena, rest, 1 << 20) catch |flaw| failed(call, rest, flaw);
}

pub fn @"write-file"(call: *Call, rest: []const u8) Answer {
    const path, const text = host.split(rest);
    writeFile(path, text) catch |flaw| return failed(call, path, flaw);
    return "";
}

pub fn @"list-dir"(call: *Call, rest: []const u8) Answer {
    const names = namesIn(call.arena, rest) catch |flaw| return failed(call, rest, flaw);
    std.mem.sort([]const u8, names, {}, isBefore);
    return call.json(names);
}

pub fn env(call: *Call, rest: []const u8) Answer {
    return std.process.getEnvVarOwned(call.arena, rest) catch "(none)";
}

pub fn now(call: *Call, _: []const u8) Answer {
    return call.format("{d}", .{std.time.milliTimestamp()});
}

pub fn random(call: *Call, _: []const u8) Answer {
    return call.format("{d}", .{std.crypto.random.int(u64)});
}

pub fn @"sleep-ms"(call: *Call, rest: []const u8) Answer {
    std.Thread.sleep(try call.number(u64, rest) * std.time.ns_per_ms);
    return "";
}

pub fn @"big-string"(call: *Call, rest: []const u8) Answer {
    return xs(call, rest);
}

// Harm.

pub fn panic(_: *Call, rest: []const u8) Answer {
    @panic(rest);
}

pub fn exit(call: *Call, rest: []const u8) Answer {
    std.process.exit(try call.number(u8, rest));
}

pub fn loop(_: *Call, _: []const u8) Answer {
    while (goesOn()) {}
    return "";
}

pub fn recurse(call: *Call, _: []const u8) Answer {
    return call.format("{d}", .{deeper(0)});
}

pub fn allocate(_: *Call, _: []const u8) Answer {
    while (goesOn()) {
        const taken = std.heap.c_allocator.alloc(u8, 1 << 20) catch @panic("out of memory");
        for (taken) |*byte| @as(*volatile u8, byte).* = 1;
    }
    return "";
}

// The parts that commands have in common.

fn outgoing(title: []const u8, body: []const u8, priority: i32) c.mortise_plugin_types_outgoing_t {
    return .{ .content = .{ .title = host.lent(title), .body = host.lent(body), .priority = priority } };
}

fn sendOne(call: *Call, message: c.mortise_plugin_types_outgoing_t) Answer {
    var given = message;
    var id: u64 = undefined;
    var refusal: Refusal = undefined;
    try call.check(c.mortise_plugin_messages_send(&given, &id, &refusal), &refusal);
    return call.format("{d}", .{id});
}

const List = @TypeOf(c.mortise_plugin_messages_sent);

/// A page of messages: `[BEFORE [LIMIT]]`.
fn page(call: *Call, list: *const List, text: []const u8) Answer {
    const first, const second = host.split(text);
    var before = if (first.len == 0) null else try numberOrNone(call, first);
    const limit = if (second.len == 0) 10 else try call.number(u32, second);
    var found: c.mortise_plugin_messages_list_message_t = undefined;
    var refusal: Refusal = undefined;
    try call.check(list(pointer(&before), limit, &found, &refusal), &refusal);
    defer c.mortise_plugin_messages_list_message_free(&found);
    const messages = try call.arena.alloc(host.Message, found.len);
    for (messages, 0..) |*message, at| message.* = .of(found.ptr[at]);
    return call.json(messages);
}

fn schedule(
    call: *Call,
    name: []const u8,
    when: c.mortise_plugin_types_schedule_t,
    options: ?c.mortise_plugin_types_timer_options_t,
) Answer {
    var timer = host.lent(name);
    var times = when;
    var refusal: Refusal = undefined;
    const done = if (options) |given| done: {
        var details = given;
        break :done c.mortise_plugin_timers_set_with(&timer, &times, &details, &refusal);
    } else c.mortise_plugin_timers_set(&timer, &times, &refusal);
    try call.check(done, &refusal);
    return "";
}

/// `-` is none.
fn numberOrNone(call: *Call, word: []const u8) host.Failure!?u64 {
    return if (std.mem.eql(u8, word, "-")) null else try call.number(u64, word);
}

/// An option as the bindings take it: a pointer, or none.
fn pointer(option: anytype) ?*@typeInfo(@TypeOf(option.*)).optional.child {
    return if (option.*) |*value| value else null;
}

fn xs(call: *Call, length: []const u8) Answer {
    const text = try call.arena.alloc(u8, try call.number(usize, length));
    @memset(text, 'x');
    return text;
}

fn writeLine(call: *Call, file: std.fs.File, text: []const u8) Answer {
    file.writeAll(try call.format("{s}\n", .{text})) catch |flaw| return failed(call, "the output", flaw);
    return "";
}

/// `createFile` of Zig 0.15 does not find the granted directories on WASI; the C library,
/// which `open` calls, does.
fn writeFile(path: []const u8, text: []const u8) !void {
    const flags = std.posix.O{ .write = true, .CREAT = true, .TRUNC = true };
    const file = std.fs.File{ .handle = try std.posix.open(path, flags, 0o666) };
    defer file.close();
    try file.writeAll(text);
}

fn namesIn(arena: std.mem.Allocator, path: []const u8) ![][]const u8 {
    var folder = try std.fs.cwd().openDir(path, .{ .iterate = true });
    defer folder.close();
    var names: std.ArrayList([]const u8) = .empty;
    var entries = folder.iterate();
    while (try entries.next()) |entry| try names.append(arena, try arena.dupe(u8, entry.name));
    return names.items;
}

fn isBefore(_: void, one: []const u8, other: []const u8) bool {
    return std.mem.lessThan(u8, one, other);
}

fn failed(call: *Call, path: []const u8, flaw: anyerror) host.Failure {
    return call.fail("{s}: {s}", .{ path, @errorName(flaw) });
}

/// The compiler does not know this value, so it keeps the loops.
var more = true;

fn goesOn() bool {
    return @as(*volatile bool, &more).*;
}

fn deeper(depth: u64) u64 {
    var frame: [256]u8 = undefined;
    const at: *volatile u8 = &frame[@intCast(depth % frame.len)];
    at.* = @truncate(depth);
    return if (goesOn()) deeper(depth + 1) + at.* else depth;
}
