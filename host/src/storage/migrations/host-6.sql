-- By what name the key went that published a version; null where an earlier host did not write it down.
alter table versions add column publisher text;
