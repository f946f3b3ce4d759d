import "./styles/tokens.css";
import "./styles/controls.css";
import "./styles/layout.css";
import "./styles/views.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { I18nProvider } from "react-aria-components";
import { RouterProvider } from "react-router";

import { queryClient } from "./api/query-client";
import { router } from "./router";
import { Toasts } from "./ui/toast";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <I18nProvider locale="en">
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Toasts />
        </QueryClientProvider>
      </I18nProvider>
    </StrictMode>,
  );
}
