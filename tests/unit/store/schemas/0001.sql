BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
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
	revision BIGINT NOT NULL, 
	CONSTRAINT pk_instance_sets PRIMARY KEY (id), 
	CONSTRAINT uq_instance_sets_project_id_name UNIQUE (project_id, name)
);
INSERT INTO "instance_sets" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','3d2f0a5c8e1b4f6a9c7d0e2b4a6c8f1d','orders',NULL,3,'flavor-1',4294967296,1,0,'["subnet-a"]','["group-a"]','{"cron": "* 1 * * *", "retention_limit": 7}','{"name": "shop", "password_hash": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}','parameters-1',6379,'7.0.15','somebody',1790000000.25,1790000000.25,'Running','{"code": "c", "message": "m", "since": 1790000000.25, "trying": "t", "next": "n"}',4,'{"primary": "127.20.0.5", "reader": "127.20.0.6"}',0,'{"failures": 1, "error": "e", "retry_at": 1790000000.25}','[1790000000.25]',1);
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
	removing BOOLEAN NOT NULL, 
	CONSTRAINT pk_nodes PRIMARY KEY (id), 
	CONSTRAINT uq_nodes_set_id_number UNIQUE (set_id, number), 
	CONSTRAINT fk_nodes_set_id FOREIGN KEY(set_id) REFERENCES instance_sets (id) ON DELETE CASCADE
);
INSERT INTO "nodes" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','4bbea8f5-1046-4ae5-a799-299b2a283f51',1,'orders-1','subnet-a','replica','Running',1790000000.25,0,NULL,NULL,0,0);
INSERT INTO "nodes" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','d9bddd99-1265-4962-a04b-1b827122aaee',2,'orders-2','subnet-a','replica','Running',1790000000.25,0,NULL,NULL,0,0);
INSERT INTO "nodes" VALUES('6a0f8d35-7a55-4c11-8e1f-2f2b7a1a9c01','0ab4886e-0def-4c20-99f0-588168352435',3,'orders-3','subnet-a','replica','Running',1790000000.25,0,NULL,NULL,0,0);
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
COMMIT;
