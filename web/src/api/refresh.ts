/**
 * Changes that come while an answer is on its way: the answer may be from before
 * the change, and must not undo it.
 */
import type { QueryClient, QueryKey } from "@tanstack/react-query";

/** Reads again what has become stale. */
export async function refresh(client: QueryClient, queryKey: QueryKey): Promise<void> {
  // The library asks again where there is data, but not on the first load.
  const first = client.getQueryCache().findAll({
    queryKey,
    fetchStatus: "fetching",
    predicate: ({ state }) => state.data === undefined,
  });
  await Promise.allSettled(first.map(({ promise }) => promise));
  await client.invalidateQueries({ queryKey });
}

/** Changes the data of queries, and the answers that are on their way. */
export function change<Data>(
  client: QueryClient,
  queryKey: QueryKey,
  update: (data: Data, key: QueryKey) => Data,
): void {
  for (const query of client.getQueryCache().findAll({ queryKey })) {
    const apply = () => {
      client.setQueryData<Data>(query.queryKey, (data) => data && update(data, query.queryKey));
    };
    apply();
    // A failed answer changes nothing.
    if (query.state.fetchStatus === "fetching") query.promise?.then(apply, () => undefined);
  }
}
