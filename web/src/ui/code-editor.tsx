/** CodeMirror for YAML and jq, with problems marked on their lines. */
import { indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { useEffect, useRef } from "react";

import { jq } from "../lib/jq-language";

export interface TextProblem {
  /** From 1; 0 where it is not known. */
  line: number;
  column: number;
  text: string;
}

interface Props {
  label: string;
  text: string;
  problems: readonly TextProblem[];
  onChange: (text: string) => void;
  /** The ids of texts about it. */
  describedBy?: string;
}

const theme = EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--text)" },
  ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--muted)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--accent-soft)" },
  "&.cm-focused .cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--info-soft) !important" },
  // The library's own marks are `data:` images, which the page's policy blocks.
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--error)", paddingBottom: "0" },
  ".cm-lint-marker-error": { content: "none", borderRadius: "50%", backgroundColor: "var(--error)" },
  ".cm-lint-marker": { width: "0.6em", height: "0.6em" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.attributeValue], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--info)" },
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.special(tags.variableName), tags.function(tags.variableName)], color: "var(--info)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

export function YamlEditor(props: Props) {
  return <CodeEditor {...props} language={YAML} />;
}

export function JqEditor(props: Props) {
  return <CodeEditor {...props} language={JQ} />;
}

const YAML = [yaml(), lintGutter()];
const JQ = [jq, lintGutter()];

function CodeEditor({ label, text, problems, onChange, describedBy, language }: Props & { language: Extension }) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const change = useRef(onChange);
  change.current = onChange;
  const first = useRef(text);

  useEffect(() => {
    if (!box.current) return;
    const editor = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: first.current,
        extensions: [
          basicSetup,
          // Tab indents; Escape and then Tab leaves the editor.
          keymap.of([indentWithTab]),
          language,
          theme,
          syntaxHighlighting(colours),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({
            "aria-label": label,
            tabindex: "0",
            ...(describedBy && { "aria-describedby": describedBy }),
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) change.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, [label, describedBy, language]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const { doc } = editor.state;
    const diagnostics = problems.map((problem): Diagnostic => {
      if (problem.line === 0 && language === JQ) {
        return { from: 0, to: doc.length, severity: "error", message: problem.text };
      }
      const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
      const from = Math.min(line.from + Math.max(problem.column - 1, 0), line.to);
      return { from, to: line.to, severity: "error", message: problem.text };
    });
    editor.dispatch(setDiagnostics(editor.state, diagnostics));
  }, [problems, text, language]);

  return <div className="editor" ref={box} />;
}
