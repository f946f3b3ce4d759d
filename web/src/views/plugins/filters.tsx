import { useMutation, useQueryClient } from "@tanstack/react-query";
import { GripVertical } from "lucide-react";
import { Button as AriaButton, GridListItem, useDragAndDrop } from "react-aria-components";
import { Link } from "react-router";

import { api, unwrap } from "../../api/client";
import { useApplications } from "../../api/queries";
import { Badge } from "../../ui/badge";
import { Checkbox, Choice } from "../../ui/field";
import { Empty, ErrorNotice } from "../../ui/notice";
import { Page } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { SortableList } from "../../ui/sortable";
import { useFilters } from "./queries";

const KEY = ["plugins", "filters"];
type Filter = NonNullable<ReturnType<typeof useFilters>["data"]>[number];
const FAILURES = [
  { id: "open", text: "If it fails: go on without it" },
  { id: "closed", text: "If it fails: reject the message" },
] as const;

/** The user's filters in order, and what happens when one fails. */
export default function Filters() {
  const client = useQueryClient();
  const filters = useFilters();
  type List = NonNullable<typeof filters.data>;
  const save = useMutation({
    mutationFn: (list: List) =>
      unwrap(api.PUT("/plugin/filters", { body: list.map(({ id, failClosed }) => ({ id, failClosed })) })),
    onMutate: (list) => client.setQueryData(KEY, list),
    onSuccess: (list) => client.setQueryData(KEY, list),
    onError: () => client.invalidateQueries({ queryKey: KEY }),
  });
  const list = filters.data ?? [];
  const { dragAndDropHooks } = useDragAndDrop({
    getItems: (keys) => [...keys].map((key) => ({ "text/plain": list.find((one) => one.id === key)?.name ?? "" })),
    onReorder: ({ keys, target }) => {
      const moved = list.filter((one) => keys.has(one.id));
      const rest = list.filter((one) => !keys.has(one.id));
      const at = rest.findIndex((one) => one.id === target.key) + (target.dropPosition === "after" ? 1 : 0);
      save.mutate([...rest.slice(0, at), ...moved, ...rest.slice(at)]);
    },
  });
  return (
    <Page title="Order of filters" lead="Each new message goes through your filters from top to bottom. Drag one by its handle to move it.">
      {save.isError && <ErrorNotice error={save.error} title="The order was not saved" />}
      <Loaded query={filters} of="the filters">
        {(list) =>
          list.length === 0 ? (
            <Empty title="You have no filters">
              A filter is a plugin that changes or drops messages. <Link to="/plugins">See the plugins</Link>
            </Empty>
          ) : (
            <SortableList aria-label="Filters" items={list} dragAndDropHooks={dragAndDropHooks}>
              {(one) => (
                <GridListItem id={one.id} textValue={one.name} className="row">
                  <AriaButton slot="drag" className="icon-button" aria-label={`Move ${one.name}`}>
                    <GripVertical aria-hidden />
                  </AriaButton>
                  <div className="row-main">
                    <div className="row-title">
                      <Link to={`/plugins/${one.id}`}>{one.name}</Link>
                      <Badge tone={one.atWork ? "ok" : one.enabled ? "warning" : "muted"}>
                        {one.atWork ? "At work" : one.enabled ? "Not running" : "Off"}
                      </Badge>
                    </div>
                    <Applications filter={one} />
                  </div>
                  <Choice
                    label={`When ${one.name} fails`}
                    hideLabel
                    value={one.failClosed ? "closed" : "open"}
                    options={FAILURES}
                    onChange={(how) =>
                      save.mutate(
                        list.map((other) => (other.id === one.id ? { ...other, failClosed: how === "closed" } : other)),
                      )
                    }
                  />
                </GridListItem>
              )}
            </SortableList>
          )
        }
      </Loaded>
    </Page>
  );
}

/** The applications whose messages a filter sees. */
function Applications({ filter }: { filter: Filter }) {
  const client = useQueryClient();
  const applications = useApplications();
  const chosen = filter.applications ?? null;
  const save = useMutation({
    mutationFn: (applications: readonly number[] | null) =>
      unwrap(
        api.PUT("/plugin/{id}/filter/applications", {
          params: { path: { id: filter.id } },
          body: { applications: applications && [...applications] },
        }),
      ),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
  const known = applications.data ?? [];
  const names = known.filter((one) => chosen?.includes(one.id)).map((one) => one.name);
  const summary = chosen === null ? "messages of all applications" : `messages of ${names.join(", ") || "no application"}`;
  return (
    <details className="small">
      <summary>Sees {summary}</summary>
      <div className="stack" role="group" aria-label={`Applications whose messages ${filter.name} sees`}>
        <Checkbox isSelected={chosen === null} onChange={(all) => save.mutate(all ? null : known.map((one) => one.id))}>
          All applications, also new ones
        </Checkbox>
        {chosen !== null &&
          known.map((one) => (
            <Checkbox
              key={one.id}
              isSelected={chosen.includes(one.id)}
              onChange={(on) => save.mutate(on ? [...chosen, one.id] : chosen.filter((id) => id !== one.id))}
            >
              {one.name}
            </Checkbox>
          ))}
      </div>
      {save.isError && <ErrorNotice error={save.error} title="The choice was not saved" />}
    </details>
  );
}
