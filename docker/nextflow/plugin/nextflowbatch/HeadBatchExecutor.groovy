package nextflowbatch

import groovy.transform.CompileStatic
import nextflow.cloud.aws.batch.AwsBatchExecutor
import nextflow.processor.TaskHandler
import nextflow.processor.TaskRun
import nextflow.util.ServiceName

/**
 * Nextflow's executor for AWS Batch, whose tasks belong to a deployment and go On-Demand when they
 * have lost their Spot hosts.
 *
 * Being important, it stands in for that of nf-amazon, whichever of the two is found first.
 * https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/executor/ExecutorFactory.groovy#L83-L101
 */
@ServiceName(value = 'awsbatch', important = true)
@CompileStatic
class HeadBatchExecutor extends AwsBatchExecutor {

    private final Deployment deployment = Deployment.of(System.getenv())
    private final OnDemand onDemand = OnDemand.of(System.getenv())

    @Override
    protected void register() {
        deployment.checkWork(workDir)
        super.register()
    }

    @Override
    TaskHandler createTaskHandler(TaskRun task) {
        return onDemand
            ? new SpotTaskHandler(task, this, deployment, onDemand)
            : new DeploymentTaskHandler(task, this, deployment)
    }
}
