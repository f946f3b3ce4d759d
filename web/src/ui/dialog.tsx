import { X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";

import { Button, IconButton } from "./button";
import { ErrorNotice } from "./notice";

interface Props {
  title: ReactNode;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  role?: "dialog" | "alertdialog";
}

/** A modal dialog: from the bottom on a phone, in the middle elsewhere. */
export function Dialog({ title, isOpen, onClose, children, wide, role = "dialog" }: Props) {
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      isDismissable={role === "dialog"}
      className="overlay"
    >
      <Modal className={wide ? "modal wide" : "modal"}>
        <AriaDialog role={role} className="dialog">
          <header className="dialog-head">
            <Heading slot="title">{title}</Heading>
            <IconButton label="Close" onPress={onClose}>
              <X aria-hidden />
            </IconButton>
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface ConfirmProps {
  title: string;
  isOpen: boolean;
  onClose: () => void;
  /** The button's text: the verb of the action. */
  action: string;
  run: () => Promise<unknown>;
  children: ReactNode;
  kind?: "primary" | "danger";
}

/** Asks before something that cannot be undone. It closes when that is done. */
export function Confirm({ title, isOpen, onClose, action, run, children, kind = "danger" }: ConfirmProps) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const close = () => {
    setError(null);
    onClose();
  };
  const press = async () => {
    setBusy(true);
    setError(null);
    try {
      await run();
      close();
    } catch (error) {
      setError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} isOpen={isOpen} onClose={close} role="alertdialog">
      <div className="dialog-body">{children}</div>
      {error != null && <ErrorNotice error={error} />}
      <footer className="dialog-foot">
        <Button onPress={close}>Cancel</Button>
        <Button kind={kind} onPress={press} isPending={busy} autoFocus>
          {action}
        </Button>
      </footer>
    </Dialog>
  );
}
