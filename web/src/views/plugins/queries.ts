import { useQuery } from "@tanstack/react-query";

import { ApiProblem, api, raw, unwrap } from "../../api/client";
import type { ConfigForm, Plugin } from "../../api/types";
import type { Tone } from "../../ui/badge";

export function usePlugins() {
  return useQuery({
    queryKey: ["plugins"],
    queryFn: async () => (await unwrap(api.GET("/plugin"))).sort((a, b) => a.name.localeCompare(b.name)),
  });
}

/** The time between two looks at messages that wait. */
const WAITING_MS = 3000;

const at = (id: number) => ({ params: { path: { id } } });

export function useLog(id: number) {
  return useQuery({ queryKey: ["plugin", id, "log"], queryFn: () => unwrap(api.GET("/plugin/{id}/log", at(id))) });
}

export function useDenials(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "denials"],
    queryFn: () => unwrap(api.GET("/plugin/{id}/denials", at(id))),
  });
}

export function useTimers(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "timers"],
    queryFn: () => unwrap(api.GET("/plugin/{id}/timers", at(id))),
  });
}

export function useCalls(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "calls"],
    queryFn: () => unwrap(api.GET("/plugin/{id}/trace", at(id))),
  });
}

export function useDeadLetters(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "dead-letters"],
    queryFn: () => unwrap(api.GET("/plugin/{id}/dead-letters", at(id))),
  });
}

/** The position of an enabled listener; while messages wait, it is read again and again. */
export function useListener(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "listener"],
    queryFn: () => unwrap(api.GET("/plugin/{id}/listener", at(id))),
    refetchInterval: ({ state }) => (state.data?.waiting ? WAITING_MS : false),
  });
}

export function useDisplay(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "display"],
    queryFn: () => unwrap(api.GET("/plugin/{id}/display", at(id))),
  });
}

/** The user's filters in their order. */
export function useFilters(enabled = true) {
  return useQuery({
    queryKey: ["plugins", "filters"],
    queryFn: () => unwrap(api.GET("/plugin/filters")),
    enabled,
  });
}

/** The schema with its fields in the author's order, which the server's object does not keep. */
async function schemaOf(id: number, form: ConfigForm): Promise<unknown> {
  if (!form.schema || form.format !== "yaml") return null;
  try {
    return JSON.parse(await raw(`/plugin/${id}/schema`));
  } catch {
    return form.schema;
  }
}

/** The text of the configuration, and the form that its schema makes. */
export function useConfig(id: number) {
  return useQuery({
    queryKey: ["plugin", id, "config"],
    queryFn: async () => {
      const [text, form] = await Promise.all([
        raw(`/plugin/${id}/config`),
        unwrap(api.GET("/plugin/{id}/config/form", at(id))),
      ]);
      return { text, form, schema: await schemaOf(id, form) };
    },
    // Somebody may be writing into it.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiProblem && (error.status === 404 || error.status === 400);
}

interface State {
  text: string;
  tone: Tone;
  /** What the user can do about it. */
  next?: string;
  /** Whether only the administrator can do it. */
  isForAdministrator?: boolean;
  /** Whether it waits for the user's consent. */
  needsConsent?: boolean;
}

/** A plugin's state in words and colour. */
export function stateOf(plugin: Plugin): State {
  if (!plugin.enabled) {
    const next = plugin.lastError && `Its last failure: ${plugin.lastError}`;
    return { text: "Off", tone: "muted", ...(next && { next }) };
  }
  if (plugin.failing) {
    return { text: "Failed", tone: "error", next: plugin.lastError ?? "Its log says why." };
  }
  const missing = plugin.permissions.filter((one) => !one.granted);
  if (missing.some((one) => one.answeredBy === "user")) {
    return {
      text: "Needs your consent",
      tone: "warning",
      next: "A new version asks you for more. Until you consent, it runs without.",
      needsConsent: true,
    };
  }
  if (missing.length > 0) {
    return {
      text: "On, not everything granted",
      tone: "warning",
      next: "The administrator has not granted everything that it asks for.",
      isForAdministrator: true,
    };
  }
  return { text: "On", tone: "ok" };
}
