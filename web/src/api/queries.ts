/** What views read from the server, one query each. */
import { useQuery } from "@tanstack/react-query";

import { api, unwrap } from "./client";

export function useApplications() {
  return useQuery({
    queryKey: ["applications"],
    queryFn: async () => {
      const list = await unwrap(api.GET("/application"));
      return list.sort((a, b) => (a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : a.id - b.id));
    },
  });
}

export function useClients() {
  return useQuery({ queryKey: ["clients"], queryFn: () => unwrap(api.GET("/client")) });
}

export function useUsers() {
  return useQuery({ queryKey: ["users"], queryFn: () => unwrap(api.GET("/user")) });
}

export const TIME_ZONE = ["time-zone"];

/** The time zone of the user's timers. */
export function useTimeZone() {
  return useQuery({ queryKey: TIME_ZONE, queryFn: () => unwrap(api.GET("/current/user/timezone")) });
}

export function useVersion() {
  return useQuery({ queryKey: ["version"], queryFn: () => unwrap(api.GET("/version")), staleTime: Infinity });
}
