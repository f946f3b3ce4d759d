import type { ReactNode } from "react";

interface Props {
  label: string;
  columns: readonly string[];
  children: ReactNode;
}

/** A table that scrolls sideways on a desktop and has a block for each row on a phone. */
export function Table({ label, columns, children }: Props) {
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label={label}>
      {/* The roles are written out: the blocks of the phone's layout have none. */}
      <table className="table" role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th key={column} scope="col" role="columnheader">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

export function Cell({ label, nowrap, children }: { label: string; nowrap?: boolean; children?: ReactNode }) {
  return (
    <td role="cell" data-label={label} className={nowrap ? "nowrap" : undefined}>
      {/* One element, so that it has one column beside the label. */}
      <div>{children}</div>
    </td>
  );
}
