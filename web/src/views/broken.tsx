import { useRouteError } from "react-router";

import { Button } from "../ui/button";
import { ErrorNotice } from "../ui/notice";

/** In place of a view that failed, or whose part could not be loaded. */
export function Broken() {
  const error = useRouteError();
  return (
    <main className="login">
      <div className="card">
        <h1>This view failed</h1>
        <ErrorNotice error={error} />
        <p>The server may have a new version. Load the page again.</p>
        <Button kind="primary" onPress={() => location.reload()}>
          Load again
        </Button>
      </div>
    </main>
  );
}
