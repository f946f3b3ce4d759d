/** Who is signed in, and whether the session is elevated. */
import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";

import { below } from "../lib/root";
import { ApiProblem, api, basic, raw, unwrap, whenSignedOut } from "./client";
import { provideElevation } from "./elevation";
import { queryClient } from "./query-client";
import type { CurrentUser } from "./types";

const KEY = ["current-user"];

/** The signed-in user; null when nobody is. */
export function useSession() {
  return useQuery<CurrentUser | null>({
    queryKey: KEY,
    queryFn: async () => {
      try {
        return await unwrap(api.GET("/current/user"));
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: 60_000,
  });
}

/** The signed-in user, in views that are only there for one. */
export function useUser(): CurrentUser {
  const { data } = useSession();
  if (!data) throw new Error("nobody is signed in");
  return data;
}

whenSignedOut(() => {
  if (queryClient.getQueryData(KEY)) queryClient.setQueryData(KEY, null);
});

/** A name by which the user finds this session among their clients. */
function browserName(): string {
  const agent = navigator.userAgent;
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /Firefox\//.test(agent)
      ? "Firefox"
      : /Chrome\//.test(agent)
        ? "Chrome"
        : /Safari\//.test(agent)
          ? "Safari"
          : "Browser";
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(agent)?.[0];
  return system ? `${browser} on ${system}` : browser;
}

/** Forgets all that another user may have seen. */
function forget(client: QueryClient) {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== KEY[0] });
}

export function useLogin() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ name, password }: { name: string; password: string }) => {
      const text = await raw("/auth/local/login", {
        method: "POST",
        headers: { authorization: basic(name, password) },
        body: new URLSearchParams({ name: browserName() }),
      });
      return JSON.parse(text) as CurrentUser;
    },
    onSuccess: (user) => {
      forget(client);
      client.setQueryData(KEY, user);
    },
  });
}

/** The address at which a login at the OpenID provider begins; null where there is none. */
export function useProviderLogin(): string | null {
  const info = useQuery({
    queryKey: ["info"],
    queryFn: () => unwrap(api.GET("/gotifyinfo")),
    staleTime: 60_000,
  });
  if (!info.data?.oidc) return null;
  return below(`/auth/oidc/login?${new URLSearchParams({ name: browserName() })}`);
}

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/auth/logout")),
    onSettled: () => {
      forget(client);
      client.setQueryData(KEY, null);
    },
  });
}

export function isElevated(user: CurrentUser | null | undefined): boolean {
  return Boolean(user?.elevatedUntil && new Date(user.elevatedUntil).getTime() > Date.now());
}

/** Elevates this session for an hour. */
export async function elevate(user: CurrentUser, password: string) {
  await raw(`/client/${user.clientId}/elevate`, {
    method: "POST",
    headers: { authorization: basic(user.name, password), "content-type": "application/json" },
    body: JSON.stringify({ durationSeconds: 3600 }),
  });
  await queryClient.refetchQueries({ queryKey: KEY });
}

/** State of the dialog that asks for the password again. */
export function useElevationPrompt() {
  const [resolve, setResolve] = useState<((done: boolean) => void) | null>(null);
  useEffect(() => {
    provideElevation(
      () => isElevated(queryClient.getQueryData<CurrentUser | null>(KEY)),
      () => new Promise((resolve) => setResolve(() => resolve)),
    );
  }, []);
  const close = useCallback(
    (done: boolean) => {
      resolve?.(done);
      setResolve(null);
    },
    [resolve],
  );
  return { isOpen: resolve !== null, close };
}

/** The seconds of the clock that views with an expiry show. */
export function useNow(intervalMs: number): number {
  return useSyncExternalStore(
    useCallback(
      (changed) => {
        const timer = setInterval(changed, intervalMs);
        return () => clearInterval(timer);
      },
      [intervalMs],
    ),
    () => Math.floor(Date.now() / intervalMs) * intervalMs,
  );
}
