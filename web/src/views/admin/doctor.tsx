import { useMutation, useQueryClient } from "@tanstack/react-query";

import { raw } from "../../api/client";
import { Badge } from "../../ui/badge";
import { Button } from "../../ui/button";
import { Copy } from "../../ui/copy";
import { Empty, ErrorNotice, sentence } from "../../ui/notice";
import { Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { toast } from "../../ui/toast";
import { useDoctor } from "./queries";

interface Call {
  method: string;
  path: string;
  body?: unknown;
}

/** What is wrong with a plugin, with a button where the server knows the fix. */
export function Doctor({ id }: { id: string }) {
  const client = useQueryClient();
  const doctor = useDoctor(id);
  const fix = useMutation({
    mutationFn: ({ method, path, body }: Call) =>
      raw(path, {
        method,
        ...(body != null && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      }),
    onSuccess: () => toast("The fix was applied"),
    onSettled: () => client.invalidateQueries({ queryKey: ["admin"] }),
  });
  return (
    <Section
      title="Doctor"
      actions={
        <Button onPress={() => void doctor.refetch()} isPending={doctor.isFetching}>
          Check again
        </Button>
      }
    >
      {fix.isError && <ErrorNotice error={fix.error} title="The fix failed" />}
      <Loaded query={doctor} of="the findings">
        {({ findings }) => (
          <>
            {!findings.some((finding) => finding.severity === "problem") && (
              <Empty title="No problems found">The doctor checked the file, the permissions and every instance.</Empty>
            )}
            {findings.length > 0 && (
              <ul className="list">
                {findings.map((finding, index) => (
                  <li key={index} className="step stack">
                    <div className="step-head">
                      <Badge tone={finding.severity === "problem" ? "error" : "info"}>
                        {finding.severity === "problem" ? "Problem" : "Notice"}
                      </Badge>
                      {finding.user && <span className="small muted">of {finding.user}</span>}
                    </div>
                    <p>{sentence(finding.found)}</p>
                    <p className="small muted">{sentence(finding.fix)}</p>
                    {finding.command && <Copy text={finding.command} label="command" />}
                    {finding.call && (
                      <div>
                        <Button
                          kind="primary"
                          onPress={() => fix.mutate(finding.call as Call)}
                          isPending={fix.isPending && fix.variables === (finding.call as Call)}
                        >
                          Fix it
                        </Button>
                      </div>
                    )}
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}
