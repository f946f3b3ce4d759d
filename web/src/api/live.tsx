/**
 * What is live: new messages over the WebSocket, and everything about plugins
 * over the server's event stream.
 */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useState } from "react";

import { notify } from "../lib/notifications";
import { below } from "../lib/root";
import { addMessages, catchUp } from "./messages";
import { refresh } from "./refresh";
import { isElevated, useUser } from "./session";
import { useStream } from "./stream";
import type { Message } from "./types";

const Connected = createContext(false);

export const useConnected = () => useContext(Connected);

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const connected = useCallback(() => void catchUp(client), [client]);
  const message = useCallback(
    (message: Message) => {
      addMessages(client, [message]);
      void notify(message);
    },
    [client],
  );
  // The server closes the connection of a session that was ended elsewhere.
  const disconnected = useCallback(
    () => void client.invalidateQueries({ queryKey: ["current-user"] }),
    [client],
  );
  const isOpen = useStream({ connected, disconnected, message });
  return <Connected value={isOpen}>{children}</Connected>;
}

/** The events, each with the queries that it makes stale. */
const STALE: Record<string, (data: { id?: number | string }) => readonly unknown[][]> = {
  plugin: ({ id }) => [["plugins"], ["plugin", id]],
  log: ({ id }) => [["plugin", id, "log"]],
  denials: ({ id }) => [["plugin", id, "denials"]],
  dropped: () => [["dropped"]],
  "admin-plugin": ({ id }) => [["admin", "plugins"], ["admin", "plugin", id]],
  "admin-log": ({ id }) => [["admin", "plugin", id, "log"]],
  "admin-denials": ({ id }) => [["admin", "plugin", id, "denials"]],
  pending: () => [["admin", "pending"]],
  problems: () => [["admin", "plugins"]],
};

/** A step of an installation. */
export interface InstallStep {
  order: number;
  step: "receiving" | "downloading" | "checking" | "done" | "failed";
  bytes?: number;
  total?: number;
  id?: string;
  error?: string;
}

const installListeners = new Set<(step: InstallStep) => void>();

/** Progress of the installation that this administrator has under way. */
export function useInstallProgress(active: boolean): InstallStep | null {
  const [step, setStep] = useState<InstallStep | null>(null);
  useEffect(() => {
    if (!active) {
      setStep(null);
      return;
    }
    installListeners.add(setStep);
    return () => {
      installListeners.delete(setStep);
    };
  }, [active]);
  return step;
}

/** Follows the event stream and refreshes what is on screen. */
export function useEvents() {
  const client = useQueryClient();
  const elevated = isElevated(useUser());
  useEffect(() => {
    const source = new EventSource(below("/events"));
    const stale = (keys: readonly unknown[][]) => {
      for (const queryKey of keys) void refresh(client, queryKey);
    };
    for (const [name, keys] of Object.entries(STALE)) {
      source.addEventListener(name, ({ data }) => stale(keys(JSON.parse(data))));
    }
    source.addEventListener("install", ({ data }) => {
      const step = JSON.parse(data) as InstallStep;
      for (const listener of installListeners) listener(step);
    });
    // It comes first on each connection: what was missed before is read anew.
    source.addEventListener("state", () => stale([["plugins"], ["plugin"], ["admin"], ["dropped"]]));
    source.addEventListener("not-elevated", () => stale([["current-user"]]));
    return () => source.close();
    // The administrator's events come to an elevated session only.
  }, [client, elevated]);
}
