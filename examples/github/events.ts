// What GitHub's events say, in a few words. Knows nothing of the host.

/** A message about an event. */
export interface Told {
  title: string;
  body: string;
  priority: number;
  /** What a click opens. */
  url?: string;
}

// Payloads come from outside: every field may be missing.
type Payload = any;

const COMMITS = 5;
const BODY = 2000;

/** What to say of an event; nothing if it is not worth a message. */
export function describe(event: string, payload: Payload): Told | undefined {
  const repository = payload?.repository?.full_name ?? payload?.organization?.login ?? "GitHub";
  const who = payload?.sender?.login ?? "somebody";
  const tell = (what: string, body: string, url?: unknown, priority = 4): Told => ({
    title: `${repository}: ${what}`.slice(0, 200),
    body: (body || what).slice(0, BODY),
    priority,
    url: typeof url === "string" ? url : undefined,
  });
  switch (event) {
    case "ping":
      return tell("the webhook works", String(payload?.zen ?? ""), undefined, 2);
    case "push":
      return push(payload, tell, who);
    case "pull_request": {
      const { action, number, pull_request: request } = payload ?? {};
      const done = action === "closed" && request?.merged ? "merged" : action;
      if (!["opened", "reopened", "closed", "merged", "ready_for_review"].includes(done)) return undefined;
      return tell(`#${number} ${done.replaceAll("_", " ")} by ${who}`, `**${request?.title}**`, request?.html_url);
    }
    case "issues": {
      const { action, issue } = payload ?? {};
      if (!["opened", "reopened", "closed"].includes(action)) return undefined;
      return tell(`#${issue?.number} ${action} by ${who}`, `**${issue?.title}**`, issue?.html_url);
    }
    case "release": {
      const { action, release } = payload ?? {};
      if (action !== "published") return undefined;
      return tell(`${release?.tag_name} released`, String(release?.body ?? ""), release?.html_url, 5);
    }
    case "workflow_run": {
      const run = payload?.workflow_run;
      // Who watches wants to know of failures.
      if (payload?.action !== "completed" || run?.conclusion === "success") return undefined;
      return tell(`${run?.name} ${run?.conclusion}`, `on \`${run?.head_branch}\``, run?.html_url, 8);
    }
    default:
      return tell(`${event} by ${who}`, "");
  }
}

function push(payload: Payload, tell: (what: string, body: string, url?: unknown) => Told, who: string) {
  const commits: Payload[] = Array.isArray(payload?.commits) ? payload.commits : [];
  if (commits.length === 0) return undefined;
  const branch = String(payload?.ref ?? "").replace(/^refs\/(heads|tags)\//, "");
  const lines = commits.slice(0, COMMITS).map((commit) => {
    const [first] = String(commit?.message ?? "").split("\n");
    return `- \`${String(commit?.id ?? "").slice(0, 7)}\` ${first}`;
  });
  if (commits.length > COMMITS) lines.push(`- and ${commits.length - COMMITS} more`);
  const count = commits.length === 1 ? "1 commit" : `${commits.length} commits`;
  return tell(`${count} to ${branch} by ${who}`, lines.join("\n"), payload?.compare);
}
