import { Link } from "react-router";

import { Empty } from "../ui/notice";
import { Page } from "../ui/page";

export default function Missing() {
  return (
    <Page title="Not found">
      <Empty title="There is nothing at this address">
        <Link to="/">Go to the messages</Link>
      </Empty>
    </Page>
  );
}
