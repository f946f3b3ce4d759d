import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ErrorNotice, Loading } from "./notice";

interface Props<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  /** The thing that is loaded, for messages: "the plugins". */
  of: string;
}

/** Shows a query's data, or that it loads, or why it does not. */
export function Loaded<T>({ query, children, of }: Props<T>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && (
          <ErrorNotice error={query.error} title={`Could not refresh ${of}`} retry={() => void query.refetch()} />
        )}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) {
    return <ErrorNotice error={query.error} title={`Could not load ${of}`} retry={() => void query.refetch()} />;
  }
  return <Loading text={`Loading ${of}`} />;
}
