/** Short names for the generated types. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type CurrentUser = Schemas["CurrentUser"];
export type User = Schemas["User"];
export type Client = Schemas["Client"];
export type Application = Schemas["Application"];
export type Message = Schemas["Message"];
export type PagedMessages = Schemas["PagedMessages"];
export type PluginCall = Schemas["PluginCall"];
export type Change = Schemas["Change"];
export type TraceEntry = Schemas["TraceEntry"];
export type Dropped = Schemas["DroppedMessage"];
export type ConfigForm = Schemas["ConfigForm"];
export type ConfigProblem = Schemas["ConfigProblem"];
export type Plugin = Schemas["PluginConf"];
export type Timer = Schemas["PluginTimer"];
export type Permission = Schemas["Asked"];
export type LogEntry = Schemas["LogEntry"];
export type Denial = Schemas["Denied"];
export type Status = Schemas["Status"];
export type PluginList = Schemas["PluginList"];
export type Problem = Schemas["Problem"];
export type RegistryVersion = Schemas["RegistryVersion"];
export type Pending = Schemas["Pending"];
export type Diagnosis = Schemas["Diagnosis"];
export type Finding = Schemas["Finding"];
export type AuditEntry = Schemas["AuditEntry"];
export type Replay = Schemas["Replay"];
export type CallDifference = Schemas["CallDifference"];
export type CallResult = Schemas["CallResult"];
export type Effects = Schemas["Effects"];
export type ListenerPosition = Schemas["ListenerPosition"];
export type Sample = Schemas["Sample"];
export type Tried = Schemas["Tried"];
