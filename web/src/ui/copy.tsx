import { Check, Copy as CopyIcon } from "lucide-react";
import { useState } from "react";

import { Button } from "./button";

/** A text in one line with a button that copies it. */
export function Copy({ text, label, secret }: { text: string; label: string; secret?: boolean }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await writeClipboard(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div className="copy">
      <code dir="ltr" tabIndex={0} aria-label={label} role="textbox" aria-readonly className={secret ? "secret" : undefined}>
        {text}
      </code>
      <Button onPress={copy} icon={copied ? <Check aria-hidden /> : <CopyIcon aria-hidden />} aria-label={`Copy ${label}`}>
        {copied ? "Copied" : "Copy"}
      </Button>
    </div>
  );
}

/** Without HTTPS, browsers other than on localhost have no clipboard object. */
async function writeClipboard(text: string) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
