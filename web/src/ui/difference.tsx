import { diffWordsWithSpace } from "diff";
import { useMemo } from "react";

/** Longer texts are shown one after the other: comparing them takes too long. */
const LONGEST = 20_000;

/** Two texts with what was removed and added between them. */
export function Difference({ before, after }: { before: string; after: string }) {
  const parts = useMemo(
    () =>
      before.length + after.length > LONGEST
        ? [
            { value: before, removed: true, added: false },
            { value: after, removed: false, added: true },
          ]
        : diffWordsWithSpace(before, after),
    [before, after],
  );
  return (
    <div className="diff" tabIndex={0} role="group" aria-label="Difference">
      {parts.map((part, index) =>
        part.added ? (
          <ins key={index}>{part.value}</ins>
        ) : part.removed ? (
          <del key={index}>{part.value}</del>
        ) : (
          <span key={index}>{part.value}</span>
        ),
      )}
    </div>
  );
}
