import { GridList, type GridListProps } from "react-aria-components";

/**
 * A list that is sorted by drag, or by keyboard: Enter on a row's handle, the
 * arrow keys, Enter. Tab goes through the controls of each row, as everywhere
 * on the page.
 */
export function SortableList<T extends object>(props: GridListProps<T>) {
  return <GridList {...props} keyboardNavigationBehavior="tab" className="rows sortable" />;
}
