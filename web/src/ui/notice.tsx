import { CircleAlert, Inbox, LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";

import { ApiProblem } from "../api/client";
import { confirmIdentity } from "../api/elevation";
import { Button } from "./button";

/** What failed and the next step. */
export function ErrorNotice({ error, retry, title }: { error: unknown; retry?: () => void; title?: string }) {
  const problem = error instanceof ApiProblem ? error : null;
  const text = error instanceof Error ? error.message : String(error);
  const denied = problem?.status === 403;
  const again = async () => {
    if (!denied || (await confirmIdentity())) retry?.();
  };
  return (
    <div className="notice error" role="alert">
      <CircleAlert aria-hidden />
      <div className="notice-text">
        {title && <strong>{title}</strong>}
        {/* The report says the same in parts. */}
        {!problem?.report && <p>{denied && retry ? "This needs your password again." : sentence(text)}</p>}
        {problem?.report && (
          <dl className="report">
            <dt>Step</dt>
            <dd>{problem.report.step}</dd>
            <dt>Expected</dt>
            <dd>{problem.report.expected}</dd>
            <dt>Found</dt>
            <dd>{problem.report.found}</dd>
            <dt>Next step</dt>
            <dd>{sentence(problem.report.fix)}</dd>
          </dl>
        )}
      </div>
      {retry && <Button onPress={again}>{denied ? "Confirm with password" : "Try again"}</Button>}
    </div>
  );
}

/** The server's texts begin in lower case and have no full stop. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?:)]$/.test(first) ? first : `${first}.`;
}

/** An empty list: what would be here, and how it gets here. */
export function Empty({ title, children, icon }: { title: string; children?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="empty">
      {icon ?? <Inbox aria-hidden />}
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

export function Loading({ text = "Loading" }: { text?: string }) {
  return (
    <div className="loading" role="status">
      <LoaderCircle className="spin" aria-hidden />
      <span>{text}…</span>
    </div>
  );
}

/** A hint that is no error. */
export function Hint({ children, kind = "info" }: { children: ReactNode; kind?: "info" | "warning" }) {
  return (
    <div className={`notice ${kind}`} role="note">
      <CircleAlert aria-hidden />
      <div className="notice-text">{children}</div>
    </div>
  );
}
