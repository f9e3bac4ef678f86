package nextflowbatch

import groovy.util.logging.Slf4j
import nextflow.cloud.aws.batch.AwsBatchTaskHandler
import nextflow.processor.TaskRun

/**
 * A task in AWS Batch whose job and job definition carry its deployment's name.
 *
 * It is not compiled statically, as its parent is not: Groovy then finds members that Java's rules
 * would hide.
 */
@Slf4j
class DeploymentTaskHandler extends AwsBatchTaskHandler {

    private final HeadBatchExecutor batch
    private final Deployment deployment

    DeploymentTaskHandler(TaskRun task, HeadBatchExecutor executor, Deployment deployment) {
        super(task, executor)
        this.batch = executor
        this.deployment = deployment
    }

    @Override
    void prepareLauncher() {
        deployment.checkStore(task)
        super.prepareLauncher()
    }

    @Override
    void submit() {
        deployment.label(task)
        super.submit()
    }

    @Override
    protected String normalizeJobDefinitionName(String image) {
        return deployment.definition(super.normalizeJobDefinitionName(image))
    }

    /**
     * Nextflow takes any definition with the right name and token, both of which anybody can give
     * it. Here it must also be what this run would register.
     * https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchTaskHandler.groovy#L776
     */
    @Override
    protected String findJobDef(String name, String token) {
        final request = makeJobDefRequest(task).toBatchRequest()
        deployment.checkPrivileges(request.containerProperties().privileged())
        final wanted = Definition.of(request)
        final found = bypassProxy(batch.getClient())
            .describeJobDefinitionsPaginator { it.jobDefinitionName(name).status('ACTIVE') }
            .jobDefinitions()
            .findAll { it.parameters()?.get('nf-token') == token }
        final same = found.find { Definition.of(it) == wanted }
        if( found && !same )
            log.info "NOTE: a registered job definition $name is not what this run would register, which therefore registers another"
        return same ? "$name:${same.revision()}".toString() : null
    }
}
