/** Who can sign in. In a real app they come from an identity provider; here a button signs anyone in. */
export interface DemoUser {
  id: string;
  name: string;
  email: string;
  /** A claim in the token, which the server's guard looks at. */
  role?: "operator";
  about: string;
}

export const users: readonly DemoUser[] = [
  {
    id: "ada",
    name: "Ada Moreau",
    email: "ada@example.com",
    about: "Free plan of her own. Owns the workspace Northwind Labs.",
  },
  {
    id: "ben",
    name: "Ben Okafor",
    email: "ben@example.com",
    about: "Member of Northwind Labs: uses what it has, cannot buy for it.",
  },
  {
    id: "cleo",
    name: "Cleo Lindqvist",
    email: "cleo@example.com",
    about: "New here. Nothing is stored about her until she writes.",
  },
  {
    id: "olga",
    name: "Olga Petrenko",
    email: "olga@example.com",
    role: "operator",
    about: "Runs the app: sees all customers, gives and corrects.",
  },
];
