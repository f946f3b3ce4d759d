import { Check, ChevronDown } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import {
  Switch as AriaSwitch,
  Button,
  Checkbox as AriaCheckbox,
  type CheckboxProps,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  NumberField,
  type NumberFieldProps,
  Popover,
  SearchField,
  type SearchFieldProps,
  Select,
  SelectValue,
  type SwitchProps,
  Text,
  TextArea,
  TextField,
  type TextFieldProps,
} from "react-aria-components";

interface Described {
  label: ReactNode;
  description?: ReactNode;
}

function Help({ description }: { description?: ReactNode }) {
  return (
    <>
      {description && (
        <Text slot="description" className="help">
          {description}
        </Text>
      )}
      <FieldError className="field-error" />
    </>
  );
}

/** One line of text, or several with `lines`. */
export function TextInput({
  label,
  description,
  lines,
  placeholder,
  ...rest
}: TextFieldProps & Described & { lines?: number; placeholder?: string }) {
  const box = useRef<HTMLDivElement>(null);
  // A shown error goes while it is corrected. If it went when the field loses the
  // focus, the button under the pointer would move, and miss its click.
  useEffect(() => {
    box.current
      ?.querySelector("[aria-invalid=true], [data-invalid]:is(input, textarea)")
      ?.dispatchEvent(new Event("change", { bubbles: true }));
  }, [rest.value]);
  return (
    <TextField {...rest} className="field" ref={box}>
      <Label>{label}</Label>
      {lines ? <TextArea rows={lines} placeholder={placeholder} /> : <Input placeholder={placeholder} />}
      <Help description={description} />
    </TextField>
  );
}

export function NumberInput({ label, description, ...rest }: NumberFieldProps & Described) {
  return (
    <NumberField {...rest} className="field">
      <Label>{label}</Label>
      <Input />
      <Help description={description} />
    </NumberField>
  );
}

export function Search({ label, placeholder, ...rest }: SearchFieldProps & { label: string; placeholder?: string }) {
  return (
    <SearchField {...rest} aria-label={label} className="field search">
      <Input placeholder={placeholder ?? label} />
    </SearchField>
  );
}

export function Switch({ children, ...rest }: Omit<SwitchProps, "children"> & { children: ReactNode }) {
  return (
    <AriaSwitch {...rest} className="switch">
      <span className="track" aria-hidden>
        <span className="thumb" />
      </span>
      {children}
    </AriaSwitch>
  );
}

export function Checkbox({ children, ...rest }: Omit<CheckboxProps, "children"> & { children: ReactNode }) {
  return (
    <AriaCheckbox {...rest} className="checkbox">
      <span className="box" aria-hidden>
        <Check />
      </span>
      <span>{children}</span>
    </AriaCheckbox>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  hideLabel?: boolean;
  value: T;
  onChange: (value: T) => void;
  options: readonly { id: T; text: string }[];
  description?: ReactNode;
  isDisabled?: boolean;
}

/** One of several. */
export function Choice<T extends string>({
  label,
  hideLabel,
  value,
  onChange,
  options,
  description,
  isDisabled,
}: ChoiceProps<T>) {
  return (
    <Select
      className="field"
      aria-label={hideLabel ? label : undefined}
      selectedKey={value}
      onSelectionChange={(key) => onChange(key as T)}
      isDisabled={isDisabled}
    >
      {!hideLabel && <Label>{label}</Label>}
      <Button className="select-button">
        <SelectValue />
        <ChevronDown aria-hidden />
      </Button>
      <Help description={description} />
      <Popover className="popover">
        <ListBox className="listbox">
          {options.map((option) => (
            <ListBoxItem key={option.id} id={option.id} className="option">
              {option.text}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </Select>
  );
}
