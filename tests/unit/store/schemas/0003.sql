BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE authorities (
	id VARCHAR(36) NOT NULL, 
	certificate TEXT NOT NULL, 
	sealed_key TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	not_after DOUBLE NOT NULL, 
	retired_at DOUBLE, 
	CONSTRAINT pk_authorities PRIMARY KEY (id)
);
CREATE TABLE backup_uses (
	id VARCHAR(36) NOT NULL, 
	backup_id VARCHAR(36) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	since DOUBLE NOT NULL, 
	holder VARCHAR(36), 
	path TEXT, 
	CONSTRAINT pk_backup_uses PRIMARY KEY (id), 
	CONSTRAINT fk_backup_uses_backup_id FOREIGN KEY(backup_id) REFERENCES backups (id) ON DELETE CASCADE
);
INSERT INTO "backup_uses" VALUES('0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d03','0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d01','export',1790000000.25,'6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','bucket/file');
CREATE TABLE backups (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	set_id VARCHAR(36) NOT NULL, 
	set_name VARCHAR(255) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	flavor_id VARCHAR(255) NOT NULL, 
	"key" TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	actor TEXT NOT NULL, 
	request_id VARCHAR(255), 
	completed_at DOUBLE, 
	expires_at DOUBLE, 
	size BIGINT NOT NULL, 
	used_memory BIGINT NOT NULL, 
	keys BIGINT, 
	checksum VARCHAR(64), 
	reason TEXT, 
	node VARCHAR(36), 
	copy_of VARCHAR(36), 
	verified_at DOUBLE, 
	damage TEXT, 
	CONSTRAINT pk_backups PRIMARY KEY (id), 
	CONSTRAINT uq_backups_project_id_name UNIQUE (project_id, name)
);
INSERT INTO "backups" VALUES('0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d01','3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d','nightly','6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','orders','manual','Available','7.0.15','flavor-1','backups/somewhere.rdb',1790000000.25,'somebody','r',1790000000.25,1790000000.25,4096,8192,3,'9999999999999999999999999999999999999999999999999999999999999999','w','d9bddd99-1265-4962-a04b-1b827122aaee','0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d02',1790000000.25,'d');
CREATE TABLE credentials (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_hash VARCHAR(64) NOT NULL, 
	user_id VARCHAR(64) NOT NULL, 
	user_name VARCHAR(255) NOT NULL, 
	project_id VARCHAR(255) NOT NULL, 
	project_name VARCHAR(255) NOT NULL, 
	roles JSON NOT NULL, 
	created_at DOUBLE NOT NULL, 
	expires_at DOUBLE, 
	CONSTRAINT pk_credentials PRIMARY KEY (id), 
	CONSTRAINT uq_credentials_user_id_name UNIQUE (user_id, name)
);
INSERT INTO "credentials" VALUES('cccccccccccccccccccccccccccccccc','deploy','5555555555555555555555555555555555555555555555555555555555555555','dddddddddddddddddddddddddddddddd','somebody','pppppppppppppppppppppppppppppppp','shop','["member", "reader"]',1790000000.25,1790000060.25);
CREATE TABLE events (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(36) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	time DOUBLE NOT NULL, 
	actor TEXT NOT NULL, 
	project_id VARCHAR(255) NOT NULL, 
	resource_type VARCHAR(32) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	resource_name VARCHAR(255) NOT NULL, 
	outcome VARCHAR(16) NOT NULL, 
	request_id VARCHAR(255), 
	cause_id VARCHAR(36), 
	instance_id VARCHAR(36), 
	message TEXT NOT NULL, 
	CONSTRAINT uq_events_id UNIQUE (id)
);
INSERT INTO "events" VALUES(1,'1601fb5d-809e-471b-b68f-deadaf0c2ea1','Cluster Create',1790000000.25,'memstored','3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d','instance-set','6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','orders','success',NULL,NULL,NULL,'It was so.');
INSERT INTO "events" VALUES(2,'39105cb3-db9c-4677-aac4-80b403388d7d','Backup Export',1790000000.25,'memstored','3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d','backup','0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d01','nightly','success',NULL,NULL,NULL,'It was so.');
CREATE TABLE instance_sets (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	description TEXT, 
	replicas INTEGER NOT NULL, 
	flavor_id VARCHAR(255) NOT NULL, 
	memory BIGINT NOT NULL, 
	recovery_enabled BOOLEAN NOT NULL, 
	tls_enabled BOOLEAN NOT NULL, 
	subnets JSON NOT NULL, 
	security_groups JSON NOT NULL, 
	backup_schedule JSON, 
	user JSON, 
	parameter_group_id VARCHAR(255) NOT NULL, 
	port INTEGER NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	creator TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	reason JSON, 
	next_number INTEGER NOT NULL, 
	vips JSON, 
	opened BOOLEAN NOT NULL, 
	launches JSON NOT NULL, 
	failovers JSON NOT NULL, 
	revision BIGINT NOT NULL, source JSON, backup VARCHAR(36), schedule_since DOUBLE, scheduled_day VARCHAR(10), configuration JSON, 
	CONSTRAINT pk_instance_sets PRIMARY KEY (id), 
	CONSTRAINT uq_instance_sets_project_id_name UNIQUE (project_id, name)
);
INSERT INTO "instance_sets" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d','orders',NULL,3,'flavor-1',4294967296,1,0,'["subnet-a"]','["group-a"]','{"cron": "* 1 * * *", "retention_limit": 7}','{"name": "shop", "password_hash": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}','parameters-1',6379,'7.0.15','somebody',1790000000.25,1790000000.25,'Running','{"code": "c", "message": "m", "since": 1790000000.25, "trying": "t", "next": "n"}',4,'{"primary": "127.20.0.5", "reader": "127.20.0.6"}',0,'{"failures": 1, "error": "e", "retry_at": 1790000000.25}','[1790000000.25]',2,'{"key": "backups/somewhere.rdb", "name": "nightly", "size": 4096, "used_memory": 8192, "version": "7.0.15", "backup_id": "0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d01", "checksum": "9999999999999999999999999999999999999999999999999999999999999999", "keys": 3, "etag": "e"}','0d9f5a0e-7b1c-4c3a-9a53-1f2a6b7c8d01',1790000000.25,'2026-09-21',NULL);
CREATE TABLE lineages (
	set_id VARCHAR(36) NOT NULL, 
	epoch BIGINT NOT NULL, 
	"primary" VARCHAR(36) NOT NULL, 
	replid VARCHAR(64) NOT NULL, 
	watermark BIGINT NOT NULL, 
	ancestor VARCHAR(64), 
	fork BIGINT NOT NULL, 
	promotion JSON, 
	CONSTRAINT pk_lineages PRIMARY KEY (set_id), 
	CONSTRAINT fk_lineages_set_id FOREIGN KEY(set_id) REFERENCES instance_sets (id) ON DELETE CASCADE
);
INSERT INTO "lineages" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01',1,'4bbea8f5-1046-4ae5-a799-299b2a283f51','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,NULL,0,'{"heir": "d9bddd99-1265-4962-a04b-1b827122aaee", "source": "4bbea8f5-1046-4ae5-a799-299b2a283f51", "sent": true, "started_at": 1790000000.25}');
CREATE TABLE nodes (
	set_id VARCHAR(36) NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	number INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	subnet_id VARCHAR(255) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	created_at DOUBLE NOT NULL, 
	launched BOOLEAN NOT NULL, 
	address VARCHAR(64), 
	run_id VARCHAR(64), 
	whole BOOLEAN NOT NULL, 
	removing BOOLEAN NOT NULL, certificate JSON, 
	CONSTRAINT pk_nodes PRIMARY KEY (id), 
	CONSTRAINT uq_nodes_set_id_number UNIQUE (set_id, number), 
	CONSTRAINT fk_nodes_set_id FOREIGN KEY(set_id) REFERENCES instance_sets (id) ON DELETE CASCADE
);
INSERT INTO "nodes" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','4bbea8f5-1046-4ae5-a799-299b2a283f51',1,'orders-1','subnet-a','replica','Running',1790000000.25,0,NULL,NULL,0,0,NULL);
INSERT INTO "nodes" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','d9bddd99-1265-4962-a04b-1b827122aaee',2,'orders-2','subnet-a','replica','Running',1790000000.25,0,NULL,NULL,0,0,NULL);
INSERT INTO "nodes" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','0ab4886e-0def-4c20-99f0-588168352435',3,'orders-3','subnet-a','replica','Running',1790000000.25,0,NULL,NULL,0,0,NULL);
CREATE TABLE operations (
	set_id VARCHAR(36) NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	began BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	steps JSON NOT NULL, 
	started_at DOUBLE NOT NULL, 
	actor TEXT NOT NULL, 
	request_id VARCHAR(255), 
	node VARCHAR(36), 
	finished_at DOUBLE, 
	error TEXT, 
	CONSTRAINT pk_operations PRIMARY KEY (id), 
	CONSTRAINT fk_operations_set_id FOREIGN KEY(set_id) REFERENCES instance_sets (id) ON DELETE CASCADE
);
INSERT INTO "operations" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','0df88558-2270-418d-b832-5091f9bf65b7',1,'modify','running','[{"name": "first", "state": "running", "started_at": 1790000000.25, "finished_at": null}, {"name": "second", "state": "pending", "started_at": null, "finished_at": null}]',1790000000.25,'somebody',NULL,NULL,NULL,NULL);
CREATE TABLE parameter_group_versions (
	group_id VARCHAR(36) NOT NULL, 
	version INTEGER NOT NULL, 
	settings JSON NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_parameter_group_versions PRIMARY KEY (group_id, version), 
	CONSTRAINT fk_parameter_group_versions_group_id FOREIGN KEY(group_id) REFERENCES parameter_groups (id) ON DELETE CASCADE
);
INSERT INTO "parameter_group_versions" VALUES('99999999-7a55-4c11-8e1f-2f2b7a1a9c01',1,'[{"name": "timeout", "value": "300"}]',1790000000.25);
CREATE TABLE parameter_groups (
	id VARCHAR(36) NOT NULL, 
	project_id VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	description TEXT, 
	family VARCHAR(16) NOT NULL, 
	base_id VARCHAR(255) NOT NULL, 
	version INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	updated_at DOUBLE NOT NULL, 
	CONSTRAINT pk_parameter_groups PRIMARY KEY (id), 
	CONSTRAINT uq_parameter_groups_project_id_name UNIQUE (project_id, name)
);
INSERT INTO "parameter_groups" VALUES('99999999-7a55-4c11-8e1f-2f2b7a1a9c01','3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d','slow',NULL,'7.0','base',1,1790000000.25,1790000000.25);
CREATE TABLE password_keys (
	id VARCHAR(36) NOT NULL, 
	public_key TEXT NOT NULL, 
	sealed_key TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	retired_at DOUBLE, 
	CONSTRAINT pk_password_keys PRIMARY KEY (id)
);
INSERT INTO "password_keys" VALUES('88888888-7a55-4c11-8e1f-2f2b7a1a9c01','public','sealed',1790000000.25,NULL);
CREATE TABLE set_secrets (
	set_id VARCHAR(36) NOT NULL, 
	sealed TEXT NOT NULL, 
	CONSTRAINT pk_set_secrets PRIMARY KEY (set_id), 
	CONSTRAINT fk_set_secrets_set_id FOREIGN KEY(set_id) REFERENCES instance_sets (id) ON DELETE CASCADE
);
INSERT INTO "set_secrets" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','gAAAAABrBJBHtFGjs2x2MOnTIwXZMOcoFA11Xpdi5WnahtEjiIYgS519_1Ox-LSAq-tea_ficsF7euKbuEJwREDMtmKjEoZt501EovysZaQdOCB_Y7ENnpIsCm4TR9Ygifcj9IftsUpsgEdUm-y3j0XX5aCNSu7uhohdhjmx6My81Ev8XoaYAYJiUn_H47abqqvNoE_5fqTJNApkneYGlKDi1bpf2xG_-OcLLJC-WVTaFdOqgRS35VonQdnGmPaPJUZilYq83-HN9Xl039TZ3wVe8BKOJABI_Q==');
CREATE TABLE tokens (
	hash VARCHAR(64) NOT NULL, 
	credential_id VARCHAR(32) NOT NULL, 
	audit_id VARCHAR(32) NOT NULL, 
	issued_at DOUBLE NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	CONSTRAINT pk_tokens PRIMARY KEY (hash), 
	CONSTRAINT fk_tokens_credential_id FOREIGN KEY(credential_id) REFERENCES credentials (id) ON DELETE CASCADE
);
INSERT INTO "tokens" VALUES('7777777777777777777777777777777777777777777777777777777777777777','cccccccccccccccccccccccccccccccc','audit',1790000000.25,1790000009.25);
CREATE INDEX ix_instance_sets_project_id_created_at_id ON instance_sets (project_id, created_at, id);
CREATE INDEX ix_operations_set_id_began ON operations (set_id, began);
CREATE INDEX ix_events_project_id_sequence ON events (project_id, sequence);
CREATE INDEX ix_events_resource_id_sequence ON events (resource_id, sequence);
CREATE INDEX ix_tokens_expires_at ON tokens (expires_at);
CREATE INDEX ix_tokens_credential_id ON tokens (credential_id);
CREATE INDEX ix_backups_set_id_status ON backups (set_id, status);
CREATE INDEX ix_backups_status ON backups (status);
CREATE INDEX ix_backup_uses_backup_id ON backup_uses (backup_id);
CREATE INDEX ix_backup_uses_holder ON backup_uses (holder);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',2);
COMMIT;
