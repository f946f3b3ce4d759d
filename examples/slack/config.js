// The configuration, as JSON.

import { ConfigError } from "./sdk/index.js";

export const DEFAULTS = { url: "", min_priority: 0, mention_from: 11, applications: [] };

export const SCHEMA = {
  type: "object",
  properties: {
    url: {
      type: "string",
      title: "Webhook",
      description: "The address of the incoming webhook. It is a secret. Empty sends nothing.",
      writeOnly: true,
      format: "password",
    },
    min_priority: {
      type: "integer",
      title: "Lowest priority",
      description: "Messages of a lower priority are not sent.",
      minimum: 0,
      maximum: 10,
      default: DEFAULTS.min_priority,
    },
    mention_from: {
      type: "integer",
      title: "Mention from",
      description: "Messages from this priority on mention everyone in the channel. 11 means none.",
      minimum: 0,
      maximum: 11,
      default: DEFAULTS.mention_from,
    },
    applications: {
      type: "array",
      title: "Applications",
      description: "Only messages of these applications. Without any: of all.",
      items: { type: "string" },
      default: DEFAULTS.applications,
    },
  },
  additionalProperties: false,
};

/** Reads a configuration. Fields that are left out have their defaults. */
export function read(text) {
  const given = parse(text);
  const config = { ...DEFAULTS, ...given };
  const problems = [];
  const check = (path, good, text) => {
    if (!good) problems.push({ path, text });
  };
  for (const path of Object.keys(given)) {
    check(path, path in DEFAULTS, `there is no such field; there are ${Object.keys(DEFAULTS).join(", ")}`);
  }
  const { url, min_priority, mention_from, applications } = config;
  const isUrl = typeof url === "string" && /^(https?:\/\/[^/?#\s]+\/\S+)?$/.test(url);
  check("url", isUrl, "write the webhook's address as Slack shows it, such as https://hooks.slack.com/services/…");
  check("min_priority", isWithin(min_priority, 0, 10), "write a number from 0 to 10");
  check("mention_from", isWithin(mention_from, 0, 11), "write a number from 0 to 11");
  const isList = Array.isArray(applications) && applications.every((name) => typeof name === "string");
  check("applications", isList, "write a list of names");
  if (problems.length > 0) throw new ConfigError(...problems);
  return config;
}

function parse(text) {
  let given;
  try {
    given = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`it is not JSON: ${error.message}`);
  }
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new ConfigError("write an object, in braces");
  }
  return given;
}

const isWithin = (value, least, most) => Number.isInteger(value) && value >= least && value <= most;
