import { useQuery } from "@tanstack/react-query";

import { api, unwrap } from "../../api/client";
import type { Status } from "../../api/types";
import type { Tone } from "../../ui/badge";

export function useInstalled() {
  return useQuery({ queryKey: ["admin", "plugins"], queryFn: () => unwrap(api.GET("/admin/plugins")) });
}

export function usePending(enabled = true) {
  return useQuery({ queryKey: ["admin", "pending"], queryFn: () => unwrap(api.GET("/admin/pending")), enabled });
}

/** Versions that wait for approval; 0 where the session may not ask. */
export function usePendingCount(admin: boolean): number {
  return usePending(admin).data?.length ?? 0;
}

const at = (id: string) => ({ params: { path: { id } } });

export function useStatus(id: string) {
  return useQuery({
    queryKey: ["admin", "plugin", id, "status"],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}", at(id))),
  });
}

/** The newest version in the plugin's registry, which is asked seldom. */
export function useNewest({ id, digest, source, waiting }: Status) {
  const pending = waiting?.because === "pending" ? waiting.version.digest : null;
  return useQuery({
    queryKey: ["registry", id, digest, pending, source?.reference],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}/update", at(id))),
    enabled: Boolean(source),
    staleTime: 10 * 60_000,
    retry: false,
  });
}

export function useGrants(id: string) {
  return useQuery({
    queryKey: ["admin", "plugin", id, "grants"],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}/grants", at(id))),
  });
}

export function useDoctor(id: string) {
  return useQuery({
    queryKey: ["admin", "plugin", id, "doctor"],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}/doctor", at(id))),
  });
}

export function useAdminLog(id: string) {
  return useQuery({
    queryKey: ["admin", "plugin", id, "log"],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}/log", at(id))),
  });
}

export function useAdminDenials(id: string) {
  return useQuery({
    queryKey: ["admin", "plugin", id, "denials"],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}/denials", at(id))),
  });
}

export function useUsage(id: string) {
  return useQuery({
    queryKey: ["admin", "plugin", id, "usage"],
    queryFn: () => unwrap(api.GET("/admin/plugins/{id}/usage", at(id))),
    refetchInterval: 5000,
  });
}

export function useTrustedKeys() {
  return useQuery({ queryKey: ["admin", "keys"], queryFn: () => unwrap(api.GET("/admin/trusted-keys")) });
}

interface Words {
  text: string;
  tone: Tone;
  detail?: string;
}

/** An installed plugin's state in words and colour. */
export function stateOf(status: Status): Words {
  switch (status.state) {
    case "on_demand":
      return { text: "Ready", tone: "muted", detail: "Not in use now. The first call loads it." };
    case "loading":
      return { text: "Loading", tone: "info" };
    case "loaded":
      if (status.instances === 0) return { text: "Ready", tone: "muted", detail: "No user has it running." };
      return {
        text: "Running",
        tone: "ok",
        detail: status.instances === 1 ? "One user has it running." : `${status.instances} users have it running.`,
      };
    case "pausing":
      return {
        text: "Restarting",
        tone: "warning",
        detail: `It crashed ${status.crashes} times in a row; the last time: ${status.last}`,
      };
    case "given_up":
      return {
        text: "Stopped",
        tone: "error",
        detail: `It crashed ${status.crashes} times in a row and is not started again; the last time: ${status.last}`,
      };
    case "broken":
      return { text: "Broken", tone: "error", detail: "The server's own copy of it does not load. The doctor shows the reason." };
    case "missing":
      return { text: "File missing", tone: "error", detail: "Its file was removed, so it does not run." };
  }
}
