-- Runs on H2 and on PostgreSQL alike: standard types, no reserved word of either as a name.

create table tokens (
  id varchar(64) not null primary key,
  organization varchar(63) not null,
  name varchar(100) not null,
  secret_hash varchar(64) not null unique,
  created_at timestamp(6) with time zone not null,
  revoked_at timestamp(6) with time zone
);

-- token_id refers to no row: what a sandbox was made with stays on record whatever becomes of the token.
create table sandboxes (
  id varchar(64) not null primary key,
  organization varchar(63) not null,
  created_at timestamp(6) with time zone not null,
  stop_at timestamp(6) with time zone,
  stopped_at timestamp(6) with time zone,
  stop_reason varchar(500),
  memory_mib integer not null,
  token_id varchar(64) not null,
  constraint sandboxes_stopped_for_a_reason check ((stopped_at is null) = (stop_reason is null))
);

create index sandboxes_newest on sandboxes (organization, created_at, id);
create index sandboxes_stopped on sandboxes (stopped_at, organization);

create table sandbox_labels (
  sandbox_id varchar(64) not null references sandboxes (id) on delete cascade,
  label_name varchar(64) not null,
  label_value varchar(128) not null,
  primary key (sandbox_id, label_name)
);

create index sandbox_labels_found on sandbox_labels (label_name, label_value, sandbox_id);
