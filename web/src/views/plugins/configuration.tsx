import type { RJSFSchema } from "@rjsf/utils";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { type Key, Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { useBlocker } from "react-router";

import { ApiProblem, api, raw, unwrap } from "../../api/client";
import type { ConfigForm, ConfigProblem, Plugin } from "../../api/types";
import { withoutNulls } from "../../lib/form-schema";
import { at, isRecord, keysOf } from "../../lib/json-pointer";
import { edit, parse } from "../../lib/yaml-edit";
import { Button } from "../../ui/button";
import { YamlEditor } from "../../ui/code-editor";
import { Confirm } from "../../ui/dialog";
import { ErrorNotice, Hint, sentence } from "../../ui/notice";
import { Section } from "../../ui/page";
import { Loaded } from "../../ui/query";
import { toast } from "../../ui/toast";
import { useConfig } from "./queries";
import { SchemaForm } from "./schema-form";

export default function Configuration({ plugin }: { plugin: Plugin }) {
  const config = useConfig(plugin.id);
  return (
    <Loaded query={config} of="the configuration">
      {({ text, form, schema }) => (
        <Editor plugin={plugin} saved={text} form={form} schema={schema as RJSFSchema | null} />
      )}
    </Loaded>
  );
}

/** How long after the last key the server is asked about the text. */
const PAUSE_MS = 400;

interface EditorProps {
  plugin: Plugin;
  saved: string;
  form: ConfigForm;
  /** None where there is no form. */
  schema: RJSFSchema | null;
}

function Editor({ plugin, saved, form, schema }: EditorProps) {
  const client = useQueryClient();
  const [text, setText] = useState(saved);
  const [found, setProblems] = useState<readonly ConfigProblem[]>(form.problems);
  // The plugin's own problems with a text, which came when it was saved.
  const [rejected, setRejected] = useState<{ text: string; problems: readonly ConfigProblem[] } | null>(null);
  const all = rejected?.text === text ? rejected.problems : found;
  const dirty = text !== saved;
  const [tab, setTab] = useState<Key>(schema ? "form" : "text");
  // An empty field is no problem before there was time to fill it in.
  const [triedToSave, setTriedToSave] = useState(false);
  const isPatient = tab === "form" && dirty && !triedToSave;
  const problems = useMemo(() => (isPatient ? withoutEmptyFields(all, text) : all), [isPatient, all, text]);

  useEffect(() => {
    if (!dirty) {
      setProblems(form.problems);
      return;
    }
    let current = true;
    const timer = setTimeout(async () => {
      const found = await validate(plugin.id, text);
      if (current) setProblems(found);
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [dirty, form.problems, plugin.id, text]);

  // Unsaved changes are not lost without a question, inside the page and at its end.
  const leaving = useBlocker(dirty);
  useEffect(() => {
    if (!dirty) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [dirty]);

  const save = useMutation({
    mutationFn: (text: string) =>
      raw(`/plugin/${plugin.id}/config`, {
        method: "POST",
        headers: { "content-type": "application/x-yaml" },
        body: text,
      }),
    onSuccess: async () => {
      setProblems([]);
      setTriedToSave(false);
      toast("The configuration is saved");
      await Promise.all([
        client.invalidateQueries({ queryKey: ["plugin", plugin.id, "config"] }),
        client.invalidateQueries({ queryKey: ["plugins"] }),
      ]);
    },
    onError: async (error, text) => {
      setTriedToSave(true);
      const own = error instanceof ApiProblem ? error.problems : [];
      if (own.length > 0) setRejected({ text, problems: own });
      else setProblems(await validate(plugin.id, text));
    },
  });

  const source = (
    <YamlEditor label="Configuration as text" text={text} problems={problems} onChange={setText} />
  );
  return (
    <Section
      title="Configuration"
      actions={
        <>
          <Button onPress={() => setText(saved)} isDisabled={!dirty}>
            Discard changes
          </Button>
          <Button kind="primary" onPress={() => save.mutate(text)} isPending={save.isPending} isDisabled={!dirty}>
            Save
          </Button>
        </>
      }
    >
      {form.schemaProblem && (
        <Hint kind="warning">
          <p>The plugin's schema cannot be used, so there is no form: {form.schemaProblem}</p>
        </Hint>
      )}
      {schema ? (
        <Tabs className="tabs" selectedKey={tab} onSelectionChange={setTab}>
          <TabList className="tablist" aria-label="Ways to edit the configuration">
            <Tab id="form" className="tab">
              Form
            </Tab>
            <Tab id="text" className="tab">
              Text
            </Tab>
          </TabList>
          <TabPanel id="form">
            <FormOf
              schema={schema}
              text={text}
              saved={saved}
              secrets={form.secrets}
              problems={problems}
              onChange={setText}
            />
          </TabPanel>
          <TabPanel id="text">{source}</TabPanel>
        </Tabs>
      ) : (
        source
      )}
      <Confirm
        title="Leave without saving?"
        isOpen={leaving.state === "blocked"}
        onClose={() => leaving.reset?.()}
        action="Leave"
        run={async () => leaving.proceed?.()}
      >
        <p>The changes to the configuration are lost.</p>
      </Confirm>
      {save.isError && problems.length === 0 && (
        <ErrorNotice error={save.error} title="The configuration was not saved" />
      )}
      {problems.length > 0 && (
        <div className="notice error" role="alert">
          <div className="notice-text">
            <strong>{problems.length === 1 ? "One problem" : `${problems.length} problems`}</strong>
            <ul>
              {problems.map((problem, index) => (
                <li key={index}>
                  {problem.line > 0 && `Line ${problem.line}, column ${problem.column}: `}
                  {sentence(problem.text)}
                </li>
              ))}
            </ul>
          </div>
        </div>
      )}
    </Section>
  );
}

async function validate(id: number, text: string): Promise<readonly ConfigProblem[]> {
  try {
    const answer = await unwrap(
      api.POST("/plugin/{id}/config/validate", {
        params: { path: { id } },
        body: text,
        bodySerializer: (body) => body,
        headers: { "content-type": "application/x-yaml" },
      }),
    );
    return answer.problems;
  } catch (error) {
    // Saving says it in any case.
    return error instanceof ApiProblem ? [] : Promise.reject(error);
  }
}

interface FormProps {
  schema: RJSFSchema;
  text: string;
  saved: string;
  secrets: readonly string[];
  problems: readonly ConfigProblem[];
  onChange: (text: string) => void;
}

/** The form shows the text's values, and writes what changes into the text. */
function FormOf({ schema, text, saved, secrets, problems, onChange }: FormProps) {
  const values = useMemo(() => {
    const parsed = parse(text);
    return parsed === null ? null : withoutNulls(withoutSecrets(parsed, parse(saved), secrets));
  }, [text, saved, secrets]);
  if (values === null) {
    return <Hint kind="warning">The text is not valid YAML. Correct it under “Text”; then the form is back.</Hint>;
  }
  return (
    <SchemaForm
      schema={schema}
      values={values}
      secrets={secrets}
      problems={problems}
      onChange={(after) => onChange(edit(text, values, after))}
    />
  );
}

/** The problems of the values that are there. */
function withoutEmptyFields(problems: readonly ConfigProblem[], text: string): readonly ConfigProblem[] {
  const values = parse(text);
  return problems.filter(({ path }) => at(values, keysOf(path)) !== undefined);
}

/** Leaves out saved secrets, named by JSON pointers: a form does not show them. */
function withoutSecrets(values: unknown, saved: unknown, secrets: readonly string[]): unknown {
  const copy = structuredClone(values);
  for (const pointer of secrets) {
    const path = keysOf(pointer);
    const last = path.pop();
    const holder = at(copy, path);
    if (last === undefined || !isRecord(holder)) continue;
    const kept = at(saved, path);
    if (isRecord(kept) && holder[last] === kept[last]) delete holder[last];
  }
  return copy;
}
