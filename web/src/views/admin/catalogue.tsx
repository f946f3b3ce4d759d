import { lazy, Suspense, useState } from "react";

import type { Status } from "../../api/types";
import { Loading } from "../../ui/notice";

const Offers = lazy(() => import("./offers"));
const TITLE = "Plugins that come with Mortise";

/** The plugins of the repository, closed at first. The browser fetches the list when it opens. */
export function Catalogue({ plugins }: { plugins: readonly Status[] }) {
  const [wasOpened, setWasOpened] = useState(false);
  return (
    <section className="card" aria-label={TITLE}>
      <details onToggle={(event) => event.currentTarget.open && setWasOpened(true)}>
        <summary className="card-summary">
          <h2>{TITLE}</h2>
        </summary>
        {wasOpened && (
          <Suspense fallback={<Loading />}>
            <Offers installed={plugins.map(({ id }) => id)} />
          </Suspense>
        )}
      </details>
    </section>
  );
}
