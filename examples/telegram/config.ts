// The configuration, as JSON.

import { ConfigError, type Problem } from "./sdk/index.js";

export interface Config {
  /** The bot's token, from @BotFather. Empty sends nothing. */
  token: string;
  /** A chat's number, or a channel's name such as @alerts. */
  chat: string;
  /** Messages of a lower priority are not sent. */
  min_priority: number;
  /** Messages of a lower priority arrive without a sound. */
  silent_below: number;
  /** Only messages of these applications; without any, of all. */
  applications: string[];
  /** The Bot API's address, for a server of your own. */
  server: string;
}

export const DEFAULTS: Config = {
  token: "",
  chat: "",
  min_priority: 0,
  silent_below: 4,
  applications: [],
  server: "https://api.telegram.org",
};

export const SCHEMA = {
  type: "object",
  properties: {
    token: {
      type: "string",
      title: "Token",
      description: "The bot's token, from @BotFather. Empty sends nothing.",
      writeOnly: true,
      format: "password",
    },
    chat: {
      type: "string",
      title: "Chat",
      description: "The number of a chat, or the name of a channel, such as @alerts.",
    },
    min_priority: {
      type: "integer",
      title: "Lowest priority",
      description: "Messages of a lower priority are not sent.",
      minimum: 0,
      maximum: 10,
      default: DEFAULTS.min_priority,
    },
    silent_below: {
      type: "integer",
      title: "Silent below",
      description: "Messages of a lower priority arrive without a sound.",
      minimum: 0,
      maximum: 11,
      default: DEFAULTS.silent_below,
    },
    applications: {
      type: "array",
      title: "Applications",
      description: "Only messages of these applications. Without any: of all.",
      items: { type: "string" },
      default: DEFAULTS.applications,
    },
    server: {
      type: "string",
      title: "Server",
      description: "The address of the Bot API. Change it for a server of your own.",
      default: DEFAULTS.server,
    },
  },
  additionalProperties: false,
};

/** Reads a configuration. Fields that are left out have their defaults. */
export function read(text: string): Config {
  let given: unknown;
  try {
    given = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`it is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new ConfigError("write an object, in braces");
  }
  const config: Config = { ...DEFAULTS, ...given };
  const problems: Problem[] = [];
  const check = (path: string, good: boolean, text: string) => {
    if (!good) problems.push({ path, text });
  };
  for (const path of Object.keys(given)) {
    check(path, path in DEFAULTS, `there is no such field; there are ${Object.keys(DEFAULTS).join(", ")}`);
  }
  check("token", matches(config.token, /^(\d+:[\w-]+)?$/), "write the token as @BotFather shows it, such as 123456:ABC-DEF");
  const chat = /^(-?\d+|@\w+)$/;
  const needed = config.token !== "";
  check("chat", matches(config.chat, chat) || (!needed && config.chat === ""), "write the number of a chat, or @ and the name of a channel");
  check("min_priority", isWithin(config.min_priority, 0, 10), "write a number from 0 to 10");
  check("silent_below", isWithin(config.silent_below, 0, 11), "write a number from 0 to 11");
  const names = config.applications;
  check("applications", Array.isArray(names) && names.every((name) => typeof name === "string"), "write a list of names");
  check("server", matches(config.server, /^https?:\/\/[^/?#\s]+$/), "write https:// and a host, without a path");
  if (problems.length > 0) throw new ConfigError(...problems);
  return config;
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}
