import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps } from "react-aria-components";

interface Props extends Omit<ButtonProps, "isPending"> {
  kind?: "primary" | "plain" | "danger" | "quiet";
  children: ReactNode;
  icon?: ReactNode;
  /** While it is, the button shows progress and cannot be pressed again. */
  isPending?: boolean;
}

export function Button({ kind = "plain", icon, isPending, children, className, type, onPress, ...rest }: Props) {
  return (
    <AriaButton
      {...rest}
      // It keeps the focus, which a disabled button would lose.
      type={isPending ? "button" : type}
      onPress={isPending ? undefined : onPress}
      className={`button ${kind} ${className ?? ""}`}
    >
      {isPending ? <LoaderCircle className="spin" aria-hidden /> : icon}
      {children}
      {isPending && <span className="visually-hidden">, in progress</span>}
    </AriaButton>
  );
}

interface IconProps extends Omit<ButtonProps, "children" | "isPending"> {
  label: string;
  children: ReactNode;
}

/** A button that shows an icon; its label is for screen readers and tooltips. */
export function IconButton({ label, children, className, ...rest }: IconProps) {
  return (
    <span title={label} className="icon-wrap">
      <AriaButton {...rest} aria-label={label} className={`icon-button ${className ?? ""}`}>
        {children}
      </AriaButton>
    </span>
  );
}
