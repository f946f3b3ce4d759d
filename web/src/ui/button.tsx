import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps } from "react-aria-components";

interface Props extends ButtonProps {
  kind?: "primary" | "plain" | "danger" | "quiet";
  children: ReactNode;
  icon?: ReactNode;
}

/** A button; while `isPending` it shows progress and cannot be pressed again. */
export function Button({ kind = "plain", icon, children, className, ...rest }: Props) {
  return (
    <AriaButton {...rest} className={`button ${kind} ${className ?? ""}`}>
      {rest.isPending ? <LoaderCircle className="spin" aria-hidden /> : icon}
      {children}
    </AriaButton>
  );
}

interface IconProps extends Omit<ButtonProps, "children"> {
  label: string;
  children: ReactNode;
}

/** A button that shows an icon; its label is for screen readers and tooltips. */
export function IconButton({ label, children, className, ...rest }: IconProps) {
  return (
    <span title={label} className="icon-wrap">
      <AriaButton {...rest} aria-label={label} className={`icon-button ${className ?? ""}`}>
        {rest.isPending ? <LoaderCircle className="spin" aria-hidden /> : children}
      </AriaButton>
    </span>
  );
}
