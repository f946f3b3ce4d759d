/** A form made from a JSON Schema, with the page's controls. */
import { withTheme } from "@rjsf/core";
import {
  ADDITIONAL_PROPERTY_FLAG,
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  type BaseInputTemplateProps,
  type DescriptionFieldProps,
  type ErrorSchema,
  type FieldTemplateProps,
  getInputProps,
  type IconButtonProps,
  type ObjectFieldTemplateProps,
  type RJSFSchema,
  type MultiSchemaFieldTemplateProps,
  type UiSchema,
  type WidgetProps,
} from "@rjsf/utils";
import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { useMemo } from "react";

import type { ConfigProblem } from "../../api/types";
import { isJq, prepare } from "../../lib/form-schema";
import { keysOf } from "../../lib/json-pointer";
import { SchemaValidator } from "../../lib/schema-validator";
import { Button, IconButton } from "../../ui/button";
import { JqEditor } from "../../ui/code-editor";
import { sentence } from "../../ui/notice";

const describedBy = (id: string) => `${id}-description ${id}-errors`;

function Field(props: FieldTemplateProps) {
  const { id, label, required, rawDescription, rawErrors, children, hidden, displayLabel, schema } = props;
  if (hidden) return <div hidden>{children}</div>;
  if (ADDITIONAL_PROPERTY_FLAG in schema) return <Entry {...props} />;
  const isGroup = schema.type === "object" || schema.type === "array" || !displayLabel;
  return (
    <div className="field">
      {!isGroup && label && (
        <label htmlFor={id} className="label">
          {label}
          {required && <span aria-hidden> *</span>}
        </label>
      )}
      {children}
      {!isGroup && rawDescription && (
        <p className="help" id={`${id}-description`}>
          {rawDescription}
        </p>
      )}
      <p className="field-error" id={`${id}-errors`}>
        {rawErrors?.join(" ")}
      </p>
    </div>
  );
}

/** An entry of a map, with the name that the user gives it. */
function Entry({ id, label, children, onKeyRenameBlur, onRemoveProperty, rawErrors }: FieldTemplateProps) {
  return (
    <div className="item" role="group" aria-label={`Entry ${label}`}>
      <div className="actions">
        <span className="small muted">{label}</span>
        <IconButton label={`Remove the entry ${label}`} onPress={() => onRemoveProperty()}>
          <Trash2 aria-hidden />
        </IconButton>
      </div>
      <label htmlFor={`${id}-key`} className="label">
        Name
      </label>
      <input id={`${id}-key`} className="input" defaultValue={label} onBlur={onKeyRenameBlur} autoComplete="off" />
      <label htmlFor={id} className="label">
        Value
      </label>
      {children}
      <p className="field-error" id={`${id}-errors`}>
        {rawErrors?.join(" ")}
      </p>
    </div>
  );
}

/** One of several shapes: a choice, and the fields of the chosen one. */
function Shapes({ selector, optionSchemaField }: MultiSchemaFieldTemplateProps) {
  return (
    <div className="object">
      {selector}
      {optionSchemaField}
    </div>
  );
}

function Unsupported() {
  return <p className="small muted">This value has no form. Edit it under “Text”.</p>;
}

function ObjectFields(props: ObjectFieldTemplateProps) {
  const { title, description, properties, fieldPathId, onAddProperty, schema } = props;
  // An item of a list has its number already.
  const hasLegend = title && fieldPathId.path.length > 0 && typeof fieldPathId.path.at(-1) !== "number";
  return (
    <fieldset className="object" id={fieldPathId.$id}>
      {hasLegend && <legend>{title}</legend>}
      {description && <p className="help">{description}</p>}
      {properties.length === 0 && <p className="small muted">None yet.</p>}
      {properties.map((property) => property.content)}
      {Boolean(schema.additionalProperties) && (
        <div>
          <Button icon={<Plus aria-hidden />} onPress={() => onAddProperty()}>
            Add an entry
          </Button>
        </div>
      )}
    </fieldset>
  );
}

function Items(props: ArrayFieldTemplateProps) {
  const { title, items, canAdd, onAddClick, fieldPathId, schema } = props;
  return (
    <fieldset className="object" id={fieldPathId.$id}>
      {title && <legend>{title}</legend>}
      {schema.description && <p className="help">{schema.description}</p>}
      {items.length === 0 && <p className="small muted">None yet.</p>}
      {items}
      {canAdd && (
        <div>
          <Button icon={<Plus aria-hidden />} onPress={() => onAddClick()}>
            Add to {title || "the list"}
          </Button>
        </div>
      )}
    </fieldset>
  );
}

function Item({ children, buttonsProps, index }: ArrayFieldItemTemplateProps) {
  const { hasMoveUp, hasMoveDown, hasRemove, onMoveUpItem, onMoveDownItem, onRemoveItem } = buttonsProps;
  const number = index + 1;
  return (
    <div className="item" role="group" aria-label={`Item ${number}`}>
      <div className="actions">
        <span className="small muted">{number}</span>
        {(hasMoveUp || hasMoveDown) && (
          <>
            <IconButton label={`Move item ${number} up`} onPress={() => onMoveUpItem()} isDisabled={!hasMoveUp}>
              <ArrowUp aria-hidden />
            </IconButton>
            <IconButton label={`Move item ${number} down`} onPress={() => onMoveDownItem()} isDisabled={!hasMoveDown}>
              <ArrowDown aria-hidden />
            </IconButton>
          </>
        )}
        {hasRemove && (
          <IconButton label={`Remove item ${number}`} onPress={() => onRemoveItem()}>
            <Trash2 aria-hidden />
          </IconButton>
        )}
      </div>
      {children}
    </div>
  );
}

function Input(props: BaseInputTemplateProps) {
  const { id, value, required, disabled, readonly, onChange, schema, type, options, placeholder } = props;
  const { step, min, max, ...input } = getInputProps(schema, type, options);
  return (
    <input
      id={id}
      name={id}
      className="input"
      {...input}
      step={step}
      min={min}
      max={max}
      value={value ?? ""}
      placeholder={placeholder || defaultOf(schema)}
      required={required}
      disabled={disabled || readonly}
      aria-describedby={describedBy(id)}
      autoComplete={input.type === "password" ? "new-password" : "off"}
      onChange={({ target }) => onChange(target.value === "" ? options.emptyValue : target.value)}
    />
  );
}

/** A text; a jq expression has an editor with the server's problems in it. */
function Text(props: WidgetProps) {
  if (!isJq(props.schema)) return <Input {...(props as unknown as BaseInputTemplateProps)} />;
  return <Jq {...props} />;
}

function Jq({ id, label, value, onChange, options, rawErrors }: WidgetProps) {
  const marked = rawErrors?.join(" ");
  // The line of a problem is that of the whole text, not of the expression.
  const problems = useMemo(() => (marked ? [{ line: 0, column: 0, text: marked }] : []), [marked]);
  return (
    <div id={id}>
      <JqEditor
        label={label}
        text={value ?? ""}
        problems={problems}
        describedBy={describedBy(id)}
        onChange={(text) => onChange(text === "" ? options.emptyValue : text)}
      />
    </div>
  );
}

/** The value that holds where none is given. */
function defaultOf(schema: RJSFSchema): string | undefined {
  return schema.default === undefined || schema.default === null || schema.default === ""
    ? undefined
    : `Default: ${String(schema.default)}`;
}

function Area({ id, value, onChange, disabled, readonly, options }: WidgetProps) {
  return (
    <textarea
      id={id}
      className="input"
      rows={4}
      value={value ?? ""}
      disabled={disabled || readonly}
      aria-describedby={describedBy(id)}
      onChange={({ target }) => onChange(target.value === "" ? options.emptyValue : target.value)}
    />
  );
}

function Check({ id, value, onChange, disabled, readonly, label, schema }: WidgetProps) {
  return (
    <span className="cluster">
      <input
        id={id}
        type="checkbox"
        checked={(value ?? schema.default) === true}
        disabled={disabled || readonly}
        aria-describedby={describedBy(id)}
        onChange={({ target }) => onChange(target.checked)}
      />
      <label htmlFor={id}>{label}</label>
    </span>
  );
}

function Selection({ id, value, onChange, options, disabled, readonly, multiple, required, label, schema }: WidgetProps) {
  const choices = options.enumOptions ?? [];
  const indexOf = (wanted: unknown) => String(choices.findIndex((one) => one.value === wanted));
  return (
    <select
      id={id}
      className="input"
      multiple={multiple}
      aria-label={label}
      value={multiple ? (value ?? []).map(indexOf) : indexOf(value)}
      disabled={disabled || readonly}
      aria-describedby={describedBy(id)}
      onChange={({ target }) => {
        const chosen = [...target.selectedOptions].map((option) => choices[Number(option.value)]?.value);
        onChange(multiple ? chosen : chosen[0]);
      }}
    >
      {!multiple && (!required || value === undefined) && <option value="-1">{defaultOf(schema) ?? "—"}</option>}
      {choices.map((choice, index) => (
        <option key={index} value={index}>
          {choice.label}
        </option>
      ))}
    </select>
  );
}

function Description({ id, description }: DescriptionFieldProps) {
  return (
    <p className="help" id={id}>
      {description}
    </p>
  );
}

/** The library calls `preventDefault` on an event, if there is one. */
const NO_EVENT = undefined as unknown as React.MouseEvent<HTMLButtonElement>;

const Nothing = () => null;
const AddButton = ({ onClick, disabled }: IconButtonProps) => (
  <Button onPress={() => onClick?.(NO_EVENT)} isDisabled={disabled}>
    Add
  </Button>
);
const RemoveButton = ({ onClick, disabled }: IconButtonProps) => (
  <IconButton
    label="Remove"
    onPress={() => onClick?.(NO_EVENT)}
    isDisabled={disabled}
  >
    <Trash2 aria-hidden />
  </IconButton>
);

const ThemedForm = withTheme({
  templates: {
    FieldTemplate: Field,
    ObjectFieldTemplate: ObjectFields,
    ArrayFieldTemplate: Items,
    ArrayFieldItemTemplate: Item,
    BaseInputTemplate: Input,
    DescriptionFieldTemplate: Description,
    ErrorListTemplate: Nothing,
    MultiSchemaFieldTemplate: Shapes,
    UnsupportedFieldTemplate: Unsupported,
    ButtonTemplates: { AddButton, RemoveButton, SubmitButton: Nothing },
  },
  widgets: { CheckboxWidget: Check, SelectWidget: Selection, TextareaWidget: Area, TextWidget: Text },
});

const validator = new SchemaValidator();
const ID_PREFIX = "config";

interface Props {
  schema: RJSFSchema;
  values: unknown;
  /** Paths of secrets that are set: their fields are empty. */
  secrets: readonly string[];
  /** The server's problems with the values; each is shown at its field. */
  problems: readonly ConfigProblem[];
  onChange: (values: unknown) => void;
}

export function SchemaForm({ schema, values, secrets, problems, onChange }: Props) {
  const uiSchema = useMemo(() => secretHints(secrets), [secrets]);
  const form = useMemo(() => prepare(schema), [schema]);
  const errors = useMemo(() => atFields(problems), [problems]);
  return (
    <div className="schema-form">
      <ThemedForm
        tagName="div"
        idPrefix={ID_PREFIX}
        schema={form}
        uiSchema={uiSchema}
        formData={values}
        validator={validator as never}
        extraErrors={errors}
        showErrorList={false}
        noHtml5Validate
        onChange={({ formData }: { formData?: unknown }) => onChange(formData ?? {})}
        experimental_defaultFormStateBehavior={{
          emptyObjectFields: "skipDefaults",
          arrayMinItems: { populate: "never" },
          mergeDefaultsIntoFormData: "useFormDataIfPresent",
        }}
      >
        <span hidden />
      </ThemedForm>
    </div>
  );
}

/** Problems in the form's shape: nested as the values are. */
function atFields(problems: readonly ConfigProblem[]): ErrorSchema {
  const errors: ErrorSchema = {};
  for (const { path, text } of problems) {
    let at = errors as Record<string, ErrorSchema>;
    for (const key of keysOf(path)) {
      at[key] ??= {} as ErrorSchema;
      at = at[key] as Record<string, ErrorSchema>;
    }
    const field = at as ErrorSchema;
    field.__errors = [...(field.__errors ?? []), sentence(text)];
  }
  return errors;
}

/** A secret that is set says so instead of showing it. Secrets are named by JSON pointers. */
function secretHints(secrets: readonly string[]): UiSchema {
  const hints: UiSchema = {};
  for (const pointer of secrets) {
    let at = hints;
    for (const part of keysOf(pointer)) {
      const key = /^\d+$/.test(part) ? "items" : part;
      at[key] ??= {};
      at = at[key] as UiSchema;
    }
    at["ui:placeholder"] = "Set; leave empty to keep it";
  }
  return hints;
}
