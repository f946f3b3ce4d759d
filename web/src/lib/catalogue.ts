/** The plugins that come with Mortise, each with its facts; a test holds them to the built plugins. */
import entries from "../data/catalogue.json";

export interface Offer {
  /** Its folder in `examples/`. */
  folder: string;
  id: string;
  name: string;
  purpose: "filter" | "sender" | "source" | "native";
  description: string;
  language: string;
  backend: "wasm" | "native";
  permissions: readonly unknown[];
  /** Builds and installs it, in a clone of the repository. */
  command: string;
}

export const OFFERS = entries as readonly Offer[];

export const PURPOSES: readonly { id: Offer["purpose"]; title: string }[] = [
  { id: "filter", title: "Filters" },
  { id: "sender", title: "Senders to other services" },
  { id: "source", title: "Sources of messages" },
  { id: "native", title: "Native plugins" },
];

/** The groups with the plugins whose names and purposes have each word of a text. */
export function found(text: string) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return PURPOSES.map(({ id, title }) => ({
    title,
    offers: OFFERS.filter((offer) => {
      const about = [offer.name, offer.folder, offer.description, title].join(" ").toLowerCase();
      return offer.purpose === id && words.every((word) => about.includes(word));
    }),
  })).filter(({ offers }) => offers.length > 0);
}
