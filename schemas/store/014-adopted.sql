-- Whether a status was taken over and not accepted: what stood before the contract, by an import or by a
-- message that was only observed. events: what came before this column says no. The tables of entities get
-- the column adopted_at, when that was last; NULL: never (store_plan.c, since their names are the contract's).
ALTER TABLE events ADD COLUMN adopted INTEGER NOT NULL DEFAULT 0;
