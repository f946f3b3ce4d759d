import { GridList, type GridListProps } from "react-aria-components";

/**
 * A list that is sorted by drag, or by keyboard: Enter on a row's handle, the
 * arrow keys, Enter. Tab goes through the controls of all rows, as everywhere
 * on the page; the library would leave the list after the first row, and move
 * the focus from a handle to its row.
 */
export function SortableList<T extends object>(props: GridListProps<T>) {
  return (
    <div
      onKeyDownCapture={(event) => event.key === "Tab" && event.stopPropagation()}
      onFocusCapture={(event) => event.target.slot === "drag" && event.stopPropagation()}
    >
      <GridList {...props} keyboardNavigationBehavior="tab" className="rows sortable" />
    </div>
  );
}
