import { type ReactNode, useRef } from "react";
import { DropZone, type DropZoneProps } from "react-aria-components";

interface Props {
  label: string;
  className: string;
  /** Gets the dropped or pasted files; none where there was no file. */
  onFiles: (files: File[]) => void;
  /** Media types that are taken; any where it is left out. */
  types?: readonly string[];
  children: ReactNode;
}

/** A place where files are dropped, or pasted by keyboard. */
export function FileDrop({ label, className, onFiles, types, children }: Props) {
  // A drop that a program makes has files, but no entries of a file system, and
  // the library looks at entries.
  const files = useRef<File[]>([]);
  const operation: DropZoneProps["getDropOperation"] = (offered) =>
    !types || types.some((type) => offered.has(type)) ? "copy" : "cancel";
  return (
    <div
      className="drop-frame"
      onDropCapture={({ dataTransfer }) => {
        files.current = [...dataTransfer.files];
      }}
    >
      <DropZone
        className={className}
        aria-label={label}
        getDropOperation={operation}
        onDrop={async ({ items }) => {
          const seen = files.current;
          files.current = [];
          const entries = items.flatMap((item) => (item.kind === "file" ? [item.getFile()] : []));
          onFiles(entries.length > 0 || items.length > 0 ? await Promise.all(entries) : seen);
        }}
      >
        {children}
      </DropZone>
    </div>
  );
}
